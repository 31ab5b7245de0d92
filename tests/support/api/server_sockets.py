"""Looks at a server's sockets from outside: does it listen, and its end of a connection (Linux)."""

import socket
from dataclasses import dataclass
from pathlib import Path

ESTABLISHED = "01"
"""Of linux/include/net/tcp_states.h."""


@dataclass(frozen=True, slots=True)
class ServerSocket:
    """The server's end of a connection.

    Attributes:
        established: Neither side has closed it.
        unread_bytes: Bytes that arrived and that the server has not read.
    """

    established: bool
    unread_bytes: int


def server_socket(port: int, connection: socket.socket) -> ServerSocket | None:
    """Return the end that the server on a port has of a client's connection, or None if it is gone."""
    ours = f"{connection.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines():
        _, local, remote, state, queues, *_ = line.split()
        if local.endswith(f":{port:04X}") and remote.endswith(f":{ours}"):
            return ServerSocket(state == ESTABLISHED, int(queues.rpartition(":")[2], 16))
    return None


def is_open(port: int, connection: socket.socket) -> bool:
    """Return whether the server still holds its end of the connection."""
    found = server_socket(port, connection)
    return found is not None and found.established


def has_read(port: int, connection: socket.socket) -> bool:
    """Return whether the server has read everything that was sent so far."""
    found = server_socket(port, connection)
    return found is not None and found.unread_bytes == 0


def refuses(port: int) -> bool:
    """Return whether nothing listens on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0
