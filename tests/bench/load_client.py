"""Clients that cost little on the machine they measure: blocking sockets, prepared requests, a thread each.

A closed loop: each client sends its next image after the answer to its last one, and waits after a 429 as
its Retry-After says.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BOUNDARY = "load-bench-boundary"
TIMEOUT_SECONDS = 60.0
MAX_WAIT_SECONDS = 5.0
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        began: Start of its request, by the monotonic clock.
        seconds: From then to the last byte.
        retry_after: The header's value in seconds, None without it.
    """

    began: float
    seconds: float
    status: int
    retry_after: float | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the request for one image as it goes over the wire."""

    host: str
    port: int
    request: bytes = field(repr=False)


def target(url: str, photo: bytes, **options: object) -> Target:
    """Return the target of a form with one image."""
    parts = urlsplit(url)
    fields = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in options.items()
    )
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = b"".join((fields.encode(), file.encode(), photo, f"\r\n--{BOUNDARY}--\r\n".encode()))
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Target(parts.hostname or "", parts.port or 80, head.encode() + body)


class Connection:
    """A persistent connection, opened again when the server closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer."""
        began = time.monotonic()
        try:
            status, headers, body = self._exchange(request)
        except OSError:
            self.close()
            status, headers, body = 0, {}, b""
        if headers.get("connection", "").lower() == "close":
            self.close()
        after = headers.get("retry-after")
        return Answer(began, time.monotonic() - began, status, float(after) if after else None, body)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=TIMEOUT_SECONDS)
        # A server that refuses before it reads the body closes early; its answer can still be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(request)
        head, rest = self._head()
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        return int(lines[0].split()[1]), headers, self._body(rest, int(headers["content-length"]))

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _body(self, data: bytes, length: int) -> bytes:
        while len(data) < length:
            data += self._more()
        return data

    def _more(self) -> bytes:
        assert self._socket is not None
        more = self._socket.recv(READ_BYTES)
        if not more:
            raise ConnectionResetError("the server closed the connection")
        return more


def for_seconds(wanted: Target, clients: int, seconds: float) -> list[Answer]:
    """Return all answers to `clients` clients that begin no request after `seconds`."""
    end = time.monotonic() + seconds
    return _run(wanted, clients, lambda: time.monotonic() < end)


def for_images(wanted: Target, clients: int, images: int) -> list[Answer]:
    """Return the answers to `images` images, sent by all clients together."""
    left = iter(range(images))
    return _run(wanted, clients, lambda: next(left, None) is not None)


def _run(wanted: Target, clients: int, goes_on: Callable[[], bool]) -> list[Answer]:
    answers: list[Answer] = []
    threads = [threading.Thread(target=_client, args=(wanted, goes_on, answers)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers, key=lambda each: each.began)


def _client(wanted: Target, goes_on: Callable[[], bool], answers: list[Answer]) -> None:
    connection = Connection(wanted.host, wanted.port)
    while goes_on():
        answer = connection.ask(wanted.request)
        answers.append(answer)
        if answer.status != 200 and answer.status != 202:
            time.sleep(min(MAX_WAIT_SECONDS, answer.retry_after or 0.1))
    connection.close()


def percentile(answers: Sequence[Answer], share: float) -> float:
    """Return the seconds within which that share of the accepting answers (200 and 202) came."""
    times = sorted(each.seconds for each in answers if each.status in (200, 202))
    return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0
