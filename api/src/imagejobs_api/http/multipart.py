"""Multipart bodies as clients write them, made such that Falcon's parser reads them.

It knows nothing of fields and files.
"""

import re

from falcon.asgi.reader import BufferedReader

_END = b"\r\n\r\n"
_AS_IT_IS = re.compile(rb"content-transfer-encoding: (7bit|8bit|binary)", re.IGNORECASE)


class FormBody(BufferedReader):
    """A body whose parts' headers are plain.

    Falcon takes no `Content-Transfer-Encoding` but `binary`. `7bit` and `8bit` say the same, bytes as they
    are (RFC 2045, section 6.2), and Apache's HttpClient 4 says `8bit` of every text. And it finds no header
    whose colon no space follows (RFC 9112, section 5: there may be none).
    """

    async def read_until(self, delimiter: bytes, size: int = -1, consume_delimiter: bool = False) -> bytes:
        """Return what stands before the delimiter; headers made plain."""
        found = await super().read_until(delimiter, size, consume_delimiter)
        return normalize_headers(found) if delimiter == _END else found


def normalize_headers(headers: bytes) -> bytes:
    """Return a part's headers, each with one space behind its colon, without those that say that the part is as it is."""
    lines = map(_spaced, headers.split(b"\r\n"))
    return b"\r\n".join(line for line in lines if not _AS_IT_IS.fullmatch(line))


def _spaced(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    return name + b": " + value.strip(b" \t") if colon else line
