"""Reads how long a busy server asks its clients to wait (RFC 9110, section 10.2.3). Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from math import ceil

BUSY = frozenset({429, 502, 503, 504})
"""Statuses whose Retry-After is heeded."""


def retry_after_seconds(status: int, headers: Mapping[str, str], now: datetime) -> float:
    """Return Retry-After in whole seconds, rounded up: a try a moment too early is refused again. 0 for none.

    Args:
        headers: By their names in small letters.
    """
    text = headers.get("retry-after", "").strip() if status in BUSY else ""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII):
        return float(ceil(float(text)))
    try:
        return float(max(0, ceil((parsedate_to_datetime(text) - now).total_seconds())))
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return 0.0
