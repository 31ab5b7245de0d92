"""Callbacks: the message, one signed POST, and many deliveries at once."""
