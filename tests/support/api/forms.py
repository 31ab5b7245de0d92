"""Multipart bodies written byte by byte, right or wrong as a test wants them, and a raw HTTP exchange."""

import http.client
import socket

BOUNDARY = "-----------------3f8a"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
"""Starts like a JPEG, which is all that the API looks at."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)


def field(name: str, value: str | bytes) -> bytes:
    """Return a part that holds an option."""
    data = value.encode() if isinstance(value, str) else value
    return _part(f'form-data; name="{name}"', "", data)


def file(name: str, data: bytes, file_name: str = "photo.jpg", content_type: str = "image/jpeg") -> bytes:
    """Return a part that holds a file."""
    return _part(
        f'form-data; name="{name}"; filename="{file_name}"', f"Content-Type: {content_type}\r\n", data
    )


def body(*parts: bytes) -> bytes:
    """Return the parts as a whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def headers(length: int | None = None) -> dict[str, str]:
    """Return the headers of such a form."""
    content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return content_type | ({} if length is None else {"Content-Length": str(length)})


def connection(port: int) -> socket.socket:
    """Return a connection to a server on this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=15)


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    """Return the answer, whose body is not read yet."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response


def request_head(path: str, extra: dict[str, str]) -> bytes:
    """Return the head of a POST."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in extra.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _part(disposition: str, extra: str, data: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n{extra}\r\n".encode() + data + b"\r\n"
