"""Makes the names that clients give to files safe to store, to show and to send back.

Pure. A name never decides the type of a file.
"""

import unicodedata

_MAX_CHARS = 200
"""An item's name may have 255 characters: the rest is for numbers that make equal names distinct."""
_MAX_READ_CHARS = 4 * _MAX_CHARS
"""Characters at the end of a name that are looked at: a name in JSON may have a million."""
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They change the reading direction, so that `gpj.exe` may be shown as `exe.jpg` (ASVS 5.3.2)."""
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


def clean(name: str) -> str:
    """Return the name in NFC without control characters, cut to its end if it is too long. May be empty.

    `%22` becomes a quotation mark, because browsers send it so (WHATWG HTML, "multipart form data").
    """
    text = unicodedata.normalize("NFC", name[-_MAX_READ_CHARS:].replace("%22", '"'))
    kept = "".join(char for char in text if char not in _BIDI and unicodedata.category(char) not in _CONTROL)
    return kept.strip()[-_MAX_CHARS:]
