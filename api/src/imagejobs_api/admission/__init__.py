"""Refuses a request before its body is read: 401, 403, 429."""
