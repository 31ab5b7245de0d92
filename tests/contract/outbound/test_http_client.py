"""One exchange over a stream that the test fills; downloads and callbacks have tests of their own."""

import asyncio
from collections.abc import Sequence

import pytest

from imagejobs_contract.errors import TooLarge
from imagejobs_contract.outbound.http_client import MAX_HEAD_BYTES, Exchange, Head
from imagejobs_contract.outbound.url import read_url

OK = b"HTTP/1.1 200 OK\r\n"


class Sent:
    """The half of a connection that the exchange writes to."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def exchange_with(answer: bytes, sent: Sent | None = None) -> Exchange:
    reader = asyncio.StreamReader()
    reader.feed_data(answer)
    reader.feed_eof()
    exchange = Exchange((reader, sent or Sent()))  # type: ignore[arg-type]
    exchange.send("GET", read_url("http://images.example/a"), {})
    return exchange


def receive(answer: bytes, max_bytes: int = 1000) -> tuple[Head, bytes]:
    async def scenario() -> tuple[Head, bytes]:
        exchange = exchange_with(answer)
        head = await exchange.read_head()
        return head, b"".join([bytes(piece) async for piece in exchange.read_body(head, max_bytes)])

    return asyncio.run(scenario())


def test_a_request_says_where_it_goes_and_that_it_is_the_only_one() -> None:
    async def scenario() -> Sequence[bytes]:
        sent = Sent()
        exchange = Exchange((asyncio.StreamReader(), sent))  # type: ignore[arg-type]
        exchange.send(
            "POST", read_url("https://a.example:8443/b?c"), {"User-Agent": "me", "Content-Length": "2"}, b"{}"
        )
        return sent.data.split(b"\r\n")

    assert asyncio.run(scenario()) == [
        b"POST /b?c HTTP/1.1", b"Host: a.example:8443", b"User-Agent: me", b"Content-Length: 2",
        b"Connection: close", b"", b"{}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nbo\r\n02\r\ndy\r\n0\r\nDigest: x\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"X: a\r\n folded\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"X: " + b"y" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\nbody",
    ],
    ids=["one length twice", "extension and trailer", "no reason", "folded header", "longest head"],
)
def test_what_servers_may_send_is_understood(answer: bytes) -> None:
    assert receive(answer)[1] == b"body"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + OK + b"\r\n",
        OK + b"Content-Length : 4\r\n\r\nbody",
        OK + b"Location: /a\r\nLocation: /b\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
        OK + b"X: " + b"y" * (MAX_HEAD_BYTES + 5000) + b"\r\n\r\n",
        b"1" * 100_000,
    ],
    ids=["HTTP/2", "HTTP/0.9", "another protocol", "blank before the colon", "two locations", "two framings",
         "two codings", "no end of the trailers", "long head", "no head"],
)  # fmt: skip
def test_what_two_programs_could_read_differently_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"response|locations|framings"):
        receive(answer)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\n\r\n",
        OK + b"\r\nbody.",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n2\r\ny.\r\n0\r\n\r\n",
    ],
    ids=["announced", "until the end", "chunks"],
)
def test_a_body_has_a_bound(answer: bytes) -> None:
    with pytest.raises(TooLarge):
        receive(answer, max_bytes=4)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 4000 + b"\r\na\r\n") * 90,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000 + OK + b"Content-Length: 1\r\n\r\na",
    ],
    ids=["extensions of chunks", "interim responses"],
)
def test_what_comes_beside_the_body_is_bounded(answer: bytes) -> None:
    with pytest.raises(ValueError, match="more framing than body"):
        receive(answer)


def test_chunks_of_a_few_bytes_are_a_body() -> None:
    chunks = b"8\r\nabcdefgh\r\n" * 100_000 + b"0\r\n\r\n"
    _, body = receive(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, max_bytes=800_000)
    assert body == b"abcdefgh" * 100_000
