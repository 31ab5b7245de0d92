"""The header `Prefer` (RFC 7240): how long a caller wants to wait. Pure."""

import re
from dataclasses import dataclass

from imagejobs_api.settings import MAX_WAIT_SECONDS

_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,6})"?', re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Preference:
    """How long an answer is held, and the value of `Preference-Applied` ("" without a preference)."""

    wait_seconds: int
    applied: str = ""


def read(header: str | None, default_seconds: int) -> Preference:
    """Return the wait that `Prefer` asks for; malformed preferences are ignored, as RFC 7240 demands.

    `respond-async, wait=5` means: answer 202 if it takes longer than 5 s (RFC 7240, section 4.3).

    Args:
        header: The header's value, or None.
        default_seconds: The wait without a preference.
    """
    words = [word.split(";")[0].strip() for word in (header or "").split(",")]
    waits = [match for match in map(_WAIT.fullmatch, words) if match]
    is_async = any(word.lower() == "respond-async" for word in words)
    applied = ["respond-async"] if is_async else []
    seconds = 0 if is_async else default_seconds
    if waits:
        seconds = min(int(waits[0][1]), MAX_WAIT_SECONDS)
        applied.append(f"wait={seconds}")
    return Preference(seconds, ", ".join(applied))
