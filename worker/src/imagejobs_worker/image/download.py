"""Downloads an image from a URL, through the address guard at every hop.

One request per connection, no proxies, no cookies, no credentials but those that the image came with, no
compression, and never more bytes than the limit: all that a hostile server can do is answer wrongly, or not
at all, and each of these ends as one code.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import NoReturn
from urllib.parse import urljoin

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, Refused, TooLarge
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.source_headers import Headers
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.http_client import Head, open_exchange
from imagejobs_contract.outbound.retry_after import retry_after_seconds
from imagejobs_contract.outbound.url import Url, read_url
from imagejobs_worker.image.min_rate import MinRate
from imagejobs_worker.image.sources import BeforeBody, Source, file_too_large

MAX_REDIRECTS = 5
MAX_UNRESERVED_BYTES = 64 * 2**10
"""Bytes of a body that are read before a slot is free for it: asyncio and h11 buffer three times as many by
themselves, and a server that drips gets no further.
"""
_MIN_RATE = MinRate(Limits().min_source_bytes_per_second)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WHOLE = frozenset({200, 203})
_PASSING = frozenset({408, 425, 429})
"""Answers below 500 that may be another one in a moment."""
_CODE_BY_STATUS = {
    401: Code.SOURCE_FORBIDDEN,
    403: Code.SOURCE_FORBIDDEN,
    404: Code.SOURCE_NOT_FOUND,
    410: Code.SOURCE_NOT_FOUND,
    451: Code.SOURCE_FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a source may take.

    Attributes:
        connect_seconds: To connect, once per hop.
        total_seconds: In all, without the wait for a slot.
        min_rate: The slowest rate at which its image may come.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 20.0
    min_rate: MinRate = _MIN_RATE


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """The headers that a source is asked with.

    Attributes:
        user_agent: Sent to every host.
        given: Of the image. They may be secrets, and go to the scheme, host and port of its URL only.
    """

    user_agent: str = "imagejobs"
    given: Headers = field(default=(), repr=False)

    def fields(self) -> dict[str, str]:
        """Return all headers; one that was given comes in the place of our own."""
        own = {"User-Agent": self.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
        names = {name.lower() for name, _ in self.given}
        return {name: value for name, value in own.items() if name.lower() not in names} | dict(self.given)

    def without_given(self) -> "RequestHeaders":
        """Return them for another host."""
        return replace(self, given=())


_PLAIN = RequestHeaders()


async def download(
    guard: AddressGuard,
    url: str,
    max_bytes: int,
    timeouts: Timeouts,
    before_body: BeforeBody,
    headers: RequestHeaders = _PLAIN,
) -> Source:
    """Return the file behind an http(s) URL.

    Args:
        guard: Connects, to allowed addresses only.
        url: The URL; at most `MAX_REDIRECTS` redirects are followed.
        max_bytes: The largest body.
        timeouts: How long the source may take.
        before_body: Awaited when the body has come, or as much of it as lies in the stream's buffer anyway
            (`MAX_UNRESERVED_BYTES`). Its time does not count against the source.
        headers: Of the requests.

    Raises:
        ImageFailed: source_forbidden, source_not_found, source_timeout, source_error or file_too_large.
    """
    try:
        async with asyncio.timeout(timeouts.total_seconds) as limit:
            return await _follow_redirects(
                guard, url, max_bytes, timeouts, _pause_limit_during(limit, before_body), headers
            )
    except Refused as ex:
        raise ImageFailed(ex.message, code=Code.SOURCE_FORBIDDEN) from ex
    except TooLarge as ex:
        raise file_too_large(max_bytes) from ex
    except TimeoutError as ex:
        raise ImageFailed(code=Code.SOURCE_TIMEOUT) from ex
    except ssl.SSLError as ex:
        raise ImageFailed("no trusted TLS connection to the source", code=Code.SOURCE_ERROR) from ex
    except OSError as ex:
        raise ImageFailed("the source's host cannot be reached", code=Code.SOURCE_ERROR) from ex
    except ValueError as ex:
        raise ImageFailed("the source's answer is cut or malformed", code=Code.SOURCE_ERROR) from ex


def _pause_limit_during(limit: asyncio.Timeout, wait: BeforeBody) -> BeforeBody:
    """Return a wait whose time does not count against the limit."""

    async def wait_uncounted() -> None:
        clock, end = asyncio.get_running_loop().time, limit.when()
        began = clock()
        limit.reschedule(None)
        await wait()
        limit.reschedule(None if end is None else end + clock() - began)

    return wait_uncounted


async def _follow_redirects(
    guard: AddressGuard,
    url: str,
    max_bytes: int,
    timeouts: Timeouts,
    before_body: BeforeBody,
    headers: RequestHeaders,
) -> Source:
    origin = read_url(url).origin
    for _ in range(MAX_REDIRECTS + 1):
        target = read_url(url)
        if target.origin != origin:
            headers = headers.without_given()  # for good: who was elsewhere may be led back by a stranger
        answer = await _get(guard, target, max_bytes, timeouts, before_body, headers)
        if isinstance(answer, Source):
            return answer
        url = urljoin(url, answer)
    raise ImageFailed(f"the source redirects more than {MAX_REDIRECTS} times", code=Code.SOURCE_ERROR)


async def _get(
    guard: AddressGuard,
    url: Url,
    max_bytes: int,
    timeouts: Timeouts,
    before_body: BeforeBody,
    headers: RequestHeaders,
) -> Source | str:
    """Return the file, or the Location of a redirect."""
    async with open_exchange(guard, url, timeouts.connect_seconds) as exchange:
        exchange.send("GET", url, headers.fields())
        head = await exchange.read_head()
        if head.status in _REDIRECTS:
            return _utf8(head.headers.get("location", "")) or _raise_for_status(head)
        if head.status not in _WHOLE:
            _raise_for_status(head)
        _refuse_compressed(head)
        body = exchange.read_body(head, max_bytes)
        data = await _read_body(timeouts.min_rate.enforce(body), before_body)
        return Source(data, _utf8(head.headers.get("content-disposition", "")))


async def _read_body(pieces: AsyncIterator[bytes], before_body: BeforeBody) -> bytes:
    body, waited = bytearray(), False
    async for piece in pieces:
        body += piece
        if len(body) >= MAX_UNRESERVED_BYTES and not waited:
            await before_body()
            waited = True
    if not waited:
        await before_body()
    return bytes(body)


def _refuse_compressed(head: Head) -> None:
    """Refuse a compressed body, which the request excludes.

    Nothing that a stranger sends is decompressed here, outside the cage.
    """
    coding = head.headers.get("content-encoding", "").lower()
    if coding not in ("", "identity"):
        named = coding if re.fullmatch("[a-z0-9, -]{1,40}", coding, re.ASCII) else "of another kind"
        raise ImageFailed(
            f"the source sends the image compressed (Content-Encoding: {named}), though it was asked not to",
            code=Code.SOURCE_ERROR,
        )


def _utf8(header: str) -> str:
    """Return a header that holds raw UTF-8 as browsers read it; headers come as Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


def _raise_for_status(head: Head) -> NoReturn:
    raise ImageFailed(
        f"the source answers {head.status}",
        code=_CODE_BY_STATUS.get(head.status, Code.SOURCE_ERROR),
        wait_seconds=retry_after_seconds(head.status, head.headers, utc_now()),
        permanent=head.status < 500 and head.status not in _PASSING,
    )
