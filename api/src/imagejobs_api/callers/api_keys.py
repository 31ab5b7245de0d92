"""API keys: random text with a prefix of its own; only a hash of it is kept.

Pure, except that `new_key` is random.
"""

import hashlib
import re
import secrets

PREFIX = "ijk_"
"""People and secret scanners recognize a key by it."""
KEY_BYTES = 32
"""256 random bits: too many to guess, so a slow hash or a salt would add nothing."""
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,200}={0,2}", re.ASCII)
"""A bearer token (RFC 6750, section 2.1) of at most 202 characters."""

_KEY = re.compile(PREFIX + r"[A-Za-z0-9_-]+", re.ASCII)


def new_key() -> str:
    """Return a fresh key."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def digest(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal: the only form in which a key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def mask_keys(text: str) -> str:
    """Return the text with its keys masked, for logs: a client may have put its key into an address."""
    return _KEY.sub(f"{PREFIX}...", text)
