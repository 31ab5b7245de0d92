"""Normalizes the headers of multipart bodies, so that Falcon's parser accepts what clients send.

Knows nothing of fields and files.

Falcon parses the bodies. Only these two gaps of its parser are mended here, until Falcon mends them (ADR 16).
"""

import re

from falcon.asgi.reader import BufferedReader

_END = b"\r\n\r\n"
_UNENCODED = re.compile(rb"content-transfer-encoding: (7bit|8bit|binary)", re.IGNORECASE)


class FormBody(BufferedReader):
    """A body whose parts have normalized headers.

    Falcon accepts no `Content-Transfer-Encoding` but `binary`. `7bit` and `8bit` mean the same, unencoded
    bytes (RFC 2045, section 6.2), and Apache's HttpClient 4 sends `8bit` for every text. Falcon also misses
    headers without a space after the colon, which RFC 9112, section 5, allows.
    """

    async def read_until(self, delimiter: bytes, size: int = -1, consume_delimiter: bool = False) -> bytes:
        """Return the bytes before the delimiter; headers are normalized."""
        found = await super().read_until(delimiter, size, consume_delimiter)
        return normalize_headers(found) if delimiter == _END else found


def normalize_headers(headers: bytes) -> bytes:
    """Return a part's headers with one space after each colon, without those that declare no encoding."""
    lines = map(_add_space, headers.split(b"\r\n"))
    return b"\r\n".join(line for line in lines if not _UNENCODED.fullmatch(line))


def _add_space(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    return name + b": " + value.strip(b" \t") if colon else line
