"""The header `traceparent` of W3C Trace Context (level 1): checked and written. Pure."""

import re

_SHAPE = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-[\x20-\x7e]{0,200})?",
    re.ASCII,
)
SAMPLED = 1


def clean(text: str) -> str:
    """Return the header in version 00's form, with no flag but `sampled`; "" if it is malformed.

    The beginning of a later version's header is read as version 00's.
    """
    match = _SHAPE.fullmatch(text)
    if not match or (match[1] == "00" and match[4]):
        return ""
    return f"00-{match[2]}-{int(match[3], 16) & SAMPLED:02x}"


def trace_id(header: str) -> str:
    """Return the trace id of a header that `clean` returned."""
    return header[3:35]


def is_sampled(header: str) -> bool:
    """Return whether a header that `clean` returned asks for its trace to be recorded."""
    return header.endswith("1")
