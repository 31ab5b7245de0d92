"""Callbacks: the message, one signed POST, and all deliveries side by side."""
