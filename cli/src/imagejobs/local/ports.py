"""Ports on the loopback interface: a default that is taken moves to the next free one, a port that was named does not."""

import socket
from dataclasses import dataclass, field

from imagejobs.local.errors import CannotRun

TRIES = 100
"""How many ports after a default are looked at."""


def is_free(host: str, port: int) -> bool:
    """Tell whether one could listen there now.

    Raises:
        CannotRun: The port or the address is not ours to use.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Connections of a server that just ended (TIME_WAIT) do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
            probe.listen(1)
        except PermissionError as ex:
            raise CannotRun(
                f"You may not listen on port {port}; ports below 1024 need extra rights. Name another with --port."
            ) from ex
        except socket.gaierror as ex:
            raise CannotRun(f"{host} is not an address of this machine.") from ex
        except OSError:
            return False
    return True


@dataclass(slots=True)
class Ports:
    """Hands out free ports, none twice, and notes which defaults moved."""

    host: str
    moved: list[tuple[str, int, int]] = field(default_factory=list)
    _given: set[int] = field(default_factory=set)

    def reserve(self, port: int) -> None:
        """Never hand this port out."""
        self._given.add(port)

    def default(self, what: str, port: int) -> int:
        """Return the port, or the next free one after it, which is noted.

        Raises:
            CannotRun: None of the next hundred is free.
        """
        found = self.inner(what, port)
        if found != port:
            self.moved.append((what, port, found))
        return found

    def inner(self, what: str, first: int) -> int:
        """Return a free port from `first` on, which nobody needs to know.

        Raises:
            CannotRun: None of the next hundred is free.
        """
        for port in range(first, min(first + TRIES, 65_536)):
            if port not in self._given and is_free(self.host, port):
                self._given.add(port)
                return port
        raise CannotRun(f"No port from {first} to {first + TRIES - 1} is free for {what}.")

    def named(self, what: str, port: int) -> int:
        """Return the port that was asked for.

        Raises:
            CannotRun: It is taken.
        """
        if port in self._given or not is_free(self.host, port):
            raise CannotRun(
                f"Port {port} for {what} is taken by another program. Name another, or none to take the next free one."
            )
        self._given.add(port)
        return port
