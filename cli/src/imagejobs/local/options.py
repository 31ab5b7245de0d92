"""What the person at the terminal asked for: options first, then variables, then defaults.

Reads nothing of the machine but its cores.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagejobs.local.errors import CannotRun

DATA = Path(".imagejobs")
HOST = "127.0.0.1"
LANES = 4
"""Images that a worker renders at once, each in a process of its own: it could supply six with photos of 6
megapixels. Two lanes of one worker take
3 % less of two cores than two workers, and 40 MB less."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to run.

    Attributes:
        host: Address that the API listens on.
        port: Port of the API if one was named; it is then that one or none.
        lanes: How many images each worker renders at once.
        redis_url: A Redis that exists already; "" starts one.
        s3_endpoint: An S3 that exists already; "" starts one.
        environ: The whole environment; the programs get it too, so that every setting of theirs works here.
    """

    data: Path
    host: str
    port: int | None
    lanes: tuple[int, ...]
    redis_url: str
    s3_endpoint: str
    environ: Mapping[str, str]

    @classmethod
    def gather(
        cls,
        environ: Mapping[str, str],
        *,
        data: Path | None = None,
        port: int | None = None,
        workers: int | None = None,
    ) -> "Wishes":
        """Put options and variables together.

        Raises:
            CannotRun: LISTEN is not `host:port`.
        """
        host, listen_port = _listen(environ.get("LISTEN", ""))
        return cls(
            data=(data or DATA).absolute(),
            host=host or HOST,
            port=port or listen_port,
            lanes=_lanes(environ, workers),
            redis_url=environ.get("REDIS_URL", ""),
            s3_endpoint=environ.get("S3_ENDPOINT", ""),
            environ=environ,
        )


def shared_out(cores: int) -> tuple[int, ...]:
    """Return one lane per core, on as few workers as serve them."""
    workers = -(-cores // LANES)
    return tuple(len(range(each, cores, workers)) for each in range(workers))


def _lanes(environ: Mapping[str, str], workers: int | None) -> tuple[int, ...]:
    """Share the cores out, unless the person named workers or MAX_PARALLEL.

    Then there are that many workers, else one per core, and each has one lane here; what MAX_PARALLEL says it
    reads by itself.
    """
    if workers or "MAX_PARALLEL" in environ:
        return (1,) * (workers or _cores())
    return shared_out(_cores())


def _listen(text: str) -> tuple[str, int | None]:
    if not text:
        return "", None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise CannotRun(f"LISTEN={text} is not host:port, such as 127.0.0.1:8080.")
    return host, int(port)


def _cores() -> int:
    # The cores this process may use: a container or `taskset` may allow fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
