"""Names shared by the two ways to a source: `fetch`, which chooses one, and `download`, which reads URLs."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.source_headers import Headers

BeforeBody = Callable[[], Awaitable[None]]
"""Awaited before more than the first bytes of a body are buffered."""


class Source(NamedTuple):
    """An image's file.

    Attributes:
        data: Its bytes.
        disposition: `Content-Disposition` of the server that it came from; empty without one.
    """

    data: bytes
    disposition: str = ""


Download = Callable[[str, Headers, int, BeforeBody, CallerName], Awaitable[Source]]
"""URL, headers for its host, max bytes, `BeforeBody`, the job's caller -> source; raises ImageFailed."""


def file_too_large(max_bytes: int) -> ImageFailed:
    """Return the error of an image whose source file has more than `max_bytes` bytes."""
    return ImageFailed(f"The file is larger than {max_bytes} bytes.", code=Code.FILE_TOO_LARGE)
