"""Free ports on loopback: a default that is taken moves to the next free port, a named port does not.

Between the look at a port and the moment when a program listens on it, another start could choose the same.
So each start claims its ports, and no two starts of this machine claim the same one.
"""

import contextlib
import random
import socket
import sys
from dataclasses import dataclass, field

from imagejobs.local.errors import CannotRun

TRIES = 100
"""How many ports from a default on are tried."""
FIRST_UNNAMED, LAST_UNNAMED = 20_000, 32_000
"""Where unnamed ports begin: below those that systems give to outgoing connections."""


class PortClaims(contextlib.ExitStack):
    """The ports that one start uses, claimed against all other starts on this machine until it is closed.

    A claim is an abstract Unix socket, which belongs to the network namespace as ports do. The kernel gives
    its name to one process, and takes it back when that process ends, however it ends. Nothing listens there.
    Only Linux has such names: elsewhere `claim` always succeeds, and `stack` chooses anew when a port is
    gone.
    """

    def claim(self, port: int) -> bool:
        """Claim a port; return False if another start has it."""
        if sys.platform != "linux":
            return True
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0imagejobs-port-{port}")
        except OSError:
            name.close()
            return False
        self.enter_context(name)
        return True


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

    Made by `plan` for one start. A program that is not ours may still take a port before ours listens on it;
    ours then ends, and `stack` chooses anew.
    """

    host: str
    claims: PortClaims
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
            if self._take(port):
                return port
        raise CannotRun(f"No port from {first} to {first + TRIES - 1} is free for {what}.")

    def take_any(self, what: str) -> int:
        """Return a free port from a random one on.

        Raises:
            CannotRun: None of a hundred is free.
        """
        return self.take_from(what, random.randint(FIRST_UNNAMED, LAST_UNNAMED))  # noqa: S311 (no secret)

    def take_named(self, what: str, port: int) -> int:
        """Return the port that the person named.

        Raises:
            CannotRun: It is taken.
        """
        if not self._take(port):
            raise CannotRun(
                f"Port {port} for {what} is taken by another program. "
                "Name another, or none to take the next free one."
            )
        return port

    def _take(self, port: int) -> bool:
        if port in self._taken or not is_free(self.host, port) or not self.claims.claim(port):
            return False
        self._taken.add(port)
        return True
