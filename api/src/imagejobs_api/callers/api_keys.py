"""API keys: random, told apart from other secrets by their beginning, and kept as a hash only.

Pure, but for fresh keys.
"""

import hashlib
import re
import secrets

PREFIX = "ijk_"
"""Lets people and secret scanners see what it is."""
KEY_BYTES = 32
"""256 random bits: nothing that a slow hash or a salt would add to."""
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,200}={0,2}", re.ASCII)
"""A bearer token (RFC 6750, section 2.1), and no longer than a key could sensibly be."""

_OURS = re.compile(PREFIX + r"[A-Za-z0-9_-]+", re.ASCII)


def new_key() -> str:
    """Return a fresh key."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def digest(key: str) -> str:
    """Return what is kept of a key: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def mask_keys(text: str) -> str:
    """Return the text without the keys that somebody put where they do not belong, such as into an address."""
    return _OURS.sub(f"{PREFIX}...", text)
