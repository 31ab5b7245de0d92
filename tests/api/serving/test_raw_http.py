"""Requests over a bare socket: invalid HTTP, and clients that are silent, slow, or read nothing.

The server's deadlines are shortened by a start of its own; nothing of it is replaced.
"""

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from support.api import forms, server_sockets
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually

SHORT = """
import sys
from imagejobs_api.http import connection
from imagejobs_api.serving import protocol, server
protocol.HEAD_SECONDS, protocol.WRITE_SECONDS = 1.0, 2.0
connection.BODY_GRACE_SECONDS, server.KEEP_ALIVE_SECONDS = 1.0, 1
from imagejobs_api.__main__ import main
main()
"""
GET = b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/resize HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = (
    b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class HastyApi(Api):
    """The API with deadlines of 1 s for heads, idle connections and bodies, and of 2 s for readers."""

    command = (sys.executable, "-c", SHORT)


@pytest.fixture(scope="module")
def hasty(service):
    api = HastyApi(service.environ | {"MAX_CONNECTIONS": "100"})
    yield api
    api.stop()


def exchange(api: Api, sent: bytes, seconds: float = 10) -> bytes:
    """Send, and return all that comes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=seconds) as connection:
        connection.sendall(sent)
        return read_all(connection)


def first_answer(api: Api, sent: bytes, tries: int = 5) -> bytes:
    """Return the first answer that arrives; a request that is refused while it is sent may be reset first."""
    for _ in range(tries):
        with suppress(ConnectionError):
            if answer := exchange(api, sent):
                return answer
    raise AssertionError(f"no answer in {tries} tries")


def read_all(connection: socket.socket) -> bytes:
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


BAD = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no host": b"GET /api/jobs HTTP/1.1\r\n\r\n",
    "no host in HTTP/1.0": b"GET /api/jobs HTTP/1.0\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "length and chunks": GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "negative length": GET + b"Content-Length: -5\r\n\r\n",
    "signed length": GET + b"Content-Length: +5\r\n\r\nabcde",
    "length in words": GET + b"Content-Length: five\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "signed chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n0\r\n\r\n",
    "folded header": GET + b"X-A: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET /api/jobs HTTP/1.1\nHost: localhost\n\n",
    "space before a colon": GET + b"X-A : b\r\n\r\n",
    "NUL in a header": GET + b"X-A: b\x00c\r\n\r\n",
    "NUL in the address": b"GET /api/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "the same length twice": GET + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of lengths": GET + b"Content-Length: 5, 5\r\n\r\nabcde",
    "another coding before the chunks": CHUNKED.replace(b"chunked", b"gzip, chunked")
    + b"2\r\n{}\r\n0\r\n\r\n",
    "another coding after the chunks": CHUNKED.replace(b"chunked", b"chunked, gzip")
    + b"2\r\n{}\r\n0\r\n\r\n",
    "chunks in chunks": CHUNKED.replace(b"chunked", b"chunked, chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "a chunk with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk larger than numbers are": CHUNKED + b"F" * 18 + b"\r\n{}",
    "a chunk that does not end": CHUNKED + b"2\r\n{}X0\r\n\r\n",
    "a header without a name": GET + b": b\r\n\r\n",
    "carriage returns alone": b"GET /api/jobs HTTP/1.1\rHost: localhost\r\r",
    "HTTP/0.9": b"GET /api/jobs\r\n\r\n",
    "HTTP/1.2": GET.replace(b"1.1", b"1.2") + b"\r\n",
    "HTTP/2 by name": GET.replace(b"1.1", b"2.0") + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an address of another host": GET.replace(b"/api", b"http://elsewhere.example/api") + b"\r\n",
    "a tunnel": b"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_http_is_refused_in_our_own_form_and_the_connection_closed(hasty, name):
    answer = exchange(hasty, BAD[name])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 400
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "malformed_request"


@pytest.mark.parametrize(
    "sent",
    [
        GET + b"X-A: " + b"b" * 40_000 + b"\r\n\r\n",
        GET + b"X-A: b\r\n" * 5000 + b"\r\n",
        GET + b"X-A: b\r\n" * 125_000 + b"\r\n",
        GET + b"X-A: " + b"b" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"X-A: " + b"b" * 1_000_000,
        b"GET /" + b"a" * 1_000_000,
        b"G" * 1_000_000,
    ],
    ids=[
        "one header",
        "many headers",
        "1 MB of headers",
        "one of 100 kB",
        "address",
        "a header without end",
        "an address without end",
        "a method without end",
    ],
)
def test_headers_have_a_bound(hasty, sent):
    answer = first_answer(hasty, sent)
    assert status(answer) == (400 if sent.startswith(b"GGG") else 431)  # no method is that long
    assert b"200 OK" not in answer


def test_headers_over_the_bound_are_told_and_those_below_are_taken(hasty):
    assert status(exchange(hasty, GET + b"X-A: " + b"b" * 33_000 + b"\r\n\r\n")) == 431
    assert status(exchange(hasty, GET + b"Connection: close\r\nX-A: " + b"b" * 31_000 + b"\r\n\r\n")) == 200


@pytest.mark.parametrize(
    ("sent", "is_answered"),
    [(b"", False), (b"\r\n", True), (b"G", False), (GET, True), (b"GET /api/jobs HTT", True)],
    ids=["nothing", "line end", "a letter", "half", "part of a line"],
)
def test_a_client_that_falls_silent_in_its_headers_is_hung_up_on(hasty, sent, is_answered):
    begin = time.monotonic()
    answer = exchange(hasty, sent)
    assert time.monotonic() - begin > 0.5
    assert not answer or status(answer) == 408
    assert bool(answer) == is_answered


@pytest.mark.parametrize("piece", [b"X-A: b\r\n", b"\r\n", b"x"], ids=["lines", "line ends", "letters"])
def test_headers_that_drip_are_late_all_the_same(hasty, piece):
    with forms.connection(hasty.port) as connection:
        connection.sendall(GET if piece != b"\r\n" else b"")
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                connection.sendall(piece)
                time.sleep(0.1)  # plays a client that drips


def test_the_deadline_holds_for_the_second_request_of_a_connection_too(hasty):
    with forms.connection(hasty.port) as connection:
        connection.sendall(GET + b"\r\n")
        assert forms.answer(connection).read()
        connection.sendall(b"GET /api/jobs HT")
        read_all(connection)


def test_a_body_that_drips_is_refused(hasty, service):
    before = service.keys("uploads/")
    body = forms.body(forms.file("image", JPEG))
    with forms.connection(hasty.port) as connection:
        connection.sendall(forms.request_head("/api/resize", forms.headers(len(body))) + body[:200])
        answer = forms.answer(connection)
        assert (answer.status, json.loads(answer.read())["code"]) == (408, "request_timeout")
    assert service.keys("uploads/") == before


def test_a_slow_body_that_keeps_the_least_pace_is_taken(hasty):
    body = forms.body(forms.file("image", JPEG * 8))
    with forms.connection(hasty.port) as connection:
        connection.sendall(forms.request_head("/api/resize", forms.headers(len(body))))
        for start in range(0, len(body), 1000):
            connection.sendall(body[start : start + 1000])
            time.sleep(0.3)  # plays a slow client
        assert forms.answer(connection).status == 200


def test_what_comes_after_a_body_like_headers_is_none_and_has_their_bound(hasty):
    late = b"Host: elsewhere.example\r\nX-Request-ID: late\r\nAuthorization: Bearer x\r\n"
    answer = exchange(hasty, CHUNKED + b"2\r\n{}\r\n0\r\n" + late + b"\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "invalid_options"
    assert b"late" not in answer
    assert status(exchange(hasty, CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n")) == 431


def test_what_is_said_about_a_chunk_is_passed_over_but_not_for_ever(hasty):
    assert (
        json.loads(exchange(hasty, CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n").partition(b"\r\n\r\n")[2])["code"]
        == "invalid_options"
    )
    with forms.connection(hasty.port) as connection:
        connection.sendall(CHUNKED + b"2;")
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                connection.sendall(b"a" * 1000)
                time.sleep(0.02)  # plays a client that drips


def test_an_address_may_name_the_host_as_for_a_proxy(hasty):
    assert (
        status(exchange(hasty, GET.replace(b"/api", b"http://localhost/api") + b"Connection: close\r\n\r\n"))
        == 200
    )


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_another_protocol_is_not_taken_up(hasty, protocol):
    answer = exchange(hasty, GET + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n")
    assert status(answer) == 200


def test_a_connection_without_a_next_request_is_closed(hasty):
    with forms.connection(hasty.port) as connection:
        connection.sendall(GET + b"\r\n")
        assert forms.answer(connection).read()
        begin = time.monotonic()
        assert read_all(connection) == b""
    assert time.monotonic() - begin > 0.5


def test_a_client_that_reads_nothing_is_hung_up_on(hasty, service):
    identifier = service.client.batch_id(*[JPEG] * 64)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.connect(("127.0.0.1", hasty.port))
    with connection:
        eventually(lambda: server_sockets.is_open(hasty.port, connection))
        request = f"GET /api/jobs/{identifier}/results?limit=64 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        connection.sendall(request * 400)
        eventually(lambda: not server_sockets.is_open(hasty.port, connection))


def test_idle_connections_are_bounded_and_the_service_goes_on(hasty):
    held = [forms.connection(hasty.port) for _ in range(100)]
    try:
        assert status(first_answer(hasty, GET + b"\r\n")) == 503
    finally:
        for each in held:
            each.close()
    eventually(lambda: status(exchange(hasty, GET + b"Connection: close\r\n\r\n") or b"x 0 ") == 200)


def test_many_slow_clients_leave_the_others_alone(hasty):
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: exchange(hasty, GET[: n % len(GET)]), range(60)))
    assert hasty.process.poll() is None
    assert status(exchange(hasty, GET + b"Connection: close\r\n\r\n")) == 200


@pytest.mark.parametrize("size", [1000, 31_000, 33_000, 60_000, 120_000, 500_000])
def test_a_body_of_any_size_is_no_header_however_it_comes(hasty, size):
    body = forms.body(forms.file("image", (JPEG * (size // len(JPEG) + 1))[:size]))
    with forms.connection(hasty.port) as connection:
        for _ in range(3):
            connection.sendall(forms.request_head("/api/resize", forms.headers(len(body))) + body)
            answer = forms.answer(connection)
            assert answer.status == 200
            answer.read()


def test_requests_that_come_all_at_once_are_answered_in_order(hasty):
    one = b"GET /api/jobs/%d HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: n%d\r\n%s\r\n"
    sent = b"".join(one % (n, n, b"Connection: close\r\n" if n == 9 else b"") for n in range(10))
    answer = exchange(hasty, sent)
    positions = [answer.index(b"n%d\r\n" % n) for n in range(10)]
    assert positions == sorted(positions)


def test_the_program_ends_while_clients_hold_on(service):
    api = HastyApi(service.environ)
    held = [forms.connection(api.port) for _ in range(5)]
    for each in held:
        each.sendall(GET)
    assert api.stop() == 0
    for each in held:
        each.close()


def test_bad_requests_are_not_logged_as_errors(hasty):
    errors = [line for line in hasty.lines if line.get("level") == "error"]
    assert errors == [], errors[0]["error"][-1500:]


def test_a_body_of_more_framing_than_content_is_refused(hasty):
    extension = b"1;" + b"x" * 60_000 + b"\r\n{\r\n"
    got = first_answer(hasty, CHUNKED + extension * 40)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"more framing than content" in got


def test_a_body_in_chunks_of_a_few_bytes_is_read(hasty):
    body = b'{"items": [' + b" " * 800_000 + b"}"
    chunks = b"".join(b"8\r\n%s\r\n" % body[n : n + 8] for n in range(0, len(body) - 8, 8))
    tail = body[len(body) - (len(body) % 8 or 8) :]
    got = first_answer(hasty, CHUNKED + chunks + b"%x\r\n%s\r\n0\r\n\r\n" % (len(tail), tail))
    assert b"malformed_request" in got
    assert b"not JSON" in got
