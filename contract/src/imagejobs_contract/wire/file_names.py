"""Makes the names that clients give to files safe to store, to show and to send back.

Pure. A name never decides the type of a file.
"""

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlsplit

from imagejobs_contract.model.output_names import strip_extension

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


def decode_extended(value: str) -> str | None:
    """Return the text of a header's parameter such as `filename*` (RFC 8187); None if it is none."""
    charset, _, quoted = value.partition("'")
    if not quoted:
        return None
    try:
        return unquote_to_bytes(quoted.partition("'")[2]).decode(charset)
    except (ValueError, LookupError):
        return None


def from_url(url: str) -> str:
    """Return the file name that a URL tells, cleaned; "" if it tells none. Refused URLs have names too.

    It is the end of the path, unless only a value of the query looks like one: `download.php?file=a.png`.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    name = PurePosixPath(unquote(parts.path)).name
    if strip_extension(name) == name:
        values = (PurePosixPath(value).name for _, value in parse_qsl(parts.query))
        name = next((value for value in values if strip_extension(value) != value), name)
    return clean(name)
