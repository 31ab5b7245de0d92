"""Calls to addresses that users name: parsed, checked, connected to, and the HTTP response read."""
