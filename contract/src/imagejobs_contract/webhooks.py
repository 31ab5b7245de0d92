"""The secrets that callbacks are signed with, as the settings name them (Standard Webhooks, "Signature scheme").

The operator signs; the API only asks whether there are any, and takes no callbacks without.
"""

import base64
import binascii
import re

from imagejobs_contract.reader import Reader

VARIABLE = "WEBHOOK_SECRETS"
PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
"""What the specification asks of a secret."""
MAX_SECRETS = 4
"""The new one and the old one, and some more: each adds 48 bytes to the header of every callback."""


def read_secrets(reader: Reader) -> tuple[str, ...]:
    """Read WEBHOOK_SECRETS; () if there is none. A fault never repeats a secret."""
    text = reader.text(VARIABLE, 1000, "", secret=True) or ""
    secrets = tuple(filter(None, re.split(r"[,\s]+", text)))
    if len(secrets) > MAX_SECRETS:
        reader.fault(VARIABLE, f"holds {len(secrets)} secrets; {MAX_SECRETS} are allowed")
    for n, secret in enumerate(secrets):
        if not _is_secret(secret):
            reader.fault(VARIABLE, f"secret {n + 1} is not {PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes in base64")
    return secrets


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return False
    return text.startswith(PREFIX) and MIN_BYTES <= len(key) <= MAX_BYTES
