"""Callers, their API keys and permissions, and the file that lists them. Knows nothing of HTTP."""
