"""Free ports on loopback: a default that is taken moves to the next free port, a named port does not."""

import socket
from dataclasses import dataclass, field

from imagejobs.local.errors import CannotRun

TRIES = 100
"""How many ports from a default on are tried."""


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now.

    Raises:
        CannotRun: This user may not listen on the port, or the address is not one of this machine.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Connections of a server that just ended (TIME_WAIT) do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
            probe.listen(1)
        except PermissionError as ex:
            raise CannotRun(
                f"You may not listen on port {port}; ports below 1024 need extra rights. "
                "Name another with --port."
            ) from ex
        except socket.gaierror as ex:
            raise CannotRun(f"{host} is not an address of this machine.") from ex
        except OSError:
            return False
    return True


@dataclass(slots=True)
class Ports:
    """Hands out the free ports of one host, none twice, and records which defaults moved.

    Made by `plan` for one start. Another program may still take a port before ours listens on it; ours then
    ends, and its log says why.
    """

    host: str
    moved: list[tuple[str, int, int]] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)

    def reserve(self, port: int) -> None:
        """Never hand this port out."""
        self._taken.add(port)

    def take_default(self, what: str, port: int) -> int:
        """Return the port, or the next free one after it, which is recorded in `moved`.

        Raises:
            CannotRun: None of the next hundred is free.
        """
        found = self.take_from(what, port)
        if found != port:
            self.moved.append((what, port, found))
        return found

    def take_from(self, what: str, first: int) -> int:
        """Return a free port from `first` on, for a part whose port no person needs to know.

        Raises:
            CannotRun: None of the next hundred is free.
        """
        for port in range(first, min(first + TRIES, 65_536)):
            if port not in self._taken and is_free(self.host, port):
                self._taken.add(port)
                return port
        raise CannotRun(f"No port from {first} to {first + TRIES - 1} is free for {what}.")

    def take_named(self, what: str, port: int) -> int:
        """Return the port that the person named.

        Raises:
            CannotRun: It is taken.
        """
        if port in self._taken or not is_free(self.host, port):
            raise CannotRun(
                f"Port {port} for {what} is taken by another program. "
                "Name another, or none to take the next free one."
            )
        self._taken.add(port)
        return port
