"""Names that clients give to files, made safe to keep, to show and to send back.

Pure. Never trusted for what a file is.
"""

import unicodedata

_MAX = 200
"""Leaves room within the 255 of an item's name for what keeps equal names apart."""
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Turn the reading direction, so that `gpj.exe` can be shown as `exe.jpg` (ASVS 5.3.2)."""
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def clean(name: str) -> str:
    """Return the name without control characters, in NFC, its end kept when it is too long. May be empty.

    Browsers send a quotation mark as %22 (WHATWG HTML, "multipart form data"), so that is what it stands for.
    """
    text = unicodedata.normalize("NFC", name.replace("%22", '"'))
    kept = "".join(char for char in text if char not in _BIDI and unicodedata.category(char) not in _CONTROL)
    return kept.strip()[-_MAX:]
