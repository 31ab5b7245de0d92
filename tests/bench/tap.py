"""A proxy between a pod and its S3 that passes on all bytes and notes the time of a certain request."""

import contextlib
import socket
import threading
import time

CHUNK_BYTES = 2**16


class Tap:
    """A port of loopback that forwards to another one, on threads of its own, until it is closed.

    Args:
        port: The port to forward to.
        wanted: Bytes of the request to note.

    Attributes:
        port: The port to connect to.
        seen: Time of the request's first arrival (`time.time`), 0 until then.
    """

    def __init__(self, port: int, wanted: bytes) -> None:
        self.seen = 0.0
        self._target = ("127.0.0.1", port)
        self._wanted = wanted
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(client, server, self._wanted), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, b""), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, wanted: bytes) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if wanted and not self.seen and wanted in data:
                    self.seen = time.time()
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
