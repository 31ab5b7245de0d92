"""The options of `imagejobs local`: command line first, then variables, then defaults.

Reads nothing of the machine but the number of its cores.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagejobs.local.errors import CannotRun

DATA = Path(".imagejobs")
HOST = "127.0.0.1"
MAX_IMAGES_PER_WORKER = 4
"""Images that one worker renders at once, each in a child process of its own.

One worker could supply six children with photos of 6 megapixels. One worker with two children takes 3 % less
of two cores than two workers, and 40 MB less.
"""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How to run.

    Attributes:
        host: Address that the API listens on.
        port: Port of the API if one was named: this one or no start. None takes 8080 or the next free one.
        ephemeral: Whether `data` goes at the end, and ports are any that are free.
        images_at_once: How many images each worker renders at once; one number per worker.
        redis_url: A Redis that runs already; "" starts one.
        s3_endpoint: An S3 that runs already; "" starts one.
        environ: The whole environment; the programs get it too, so that each of their settings works here.
    """

    data: Path
    host: str
    port: int | None
    images_at_once: tuple[int, ...]
    redis_url: str
    s3_endpoint: str
    environ: Mapping[str, str]
    ephemeral: bool = False

    @property
    def needs_key(self) -> bool:
        """Whether the API answers 401 to calls without a key."""
        return bool(self.environ.get("CALLERS_FILE"))

    @classmethod
    def gather(
        cls,
        environ: Mapping[str, str],
        *,
        data: Path | None = None,
        port: int | None = None,
        workers: int | None = None,
        ephemeral: bool = False,
    ) -> "LocalOptions":
        """Put command line and variables together.

        Raises:
            CannotRun: LISTEN is not `host:port`.
        """
        host, listen_port = _parse_listen(environ.get("LISTEN", ""))
        return cls(
            data=(data or DATA).absolute(),
            host=host or HOST,
            port=port or listen_port,
            images_at_once=_images_at_once(environ, workers),
            redis_url=environ.get("REDIS_URL", ""),
            s3_endpoint=environ.get("S3_ENDPOINT", ""),
            environ=environ,
            ephemeral=ephemeral,
        )


def spread_cores(cores: int) -> tuple[int, ...]:
    """Return how many images each worker renders at once: one per core, on as few workers as serve them."""
    workers = -(-cores // MAX_IMAGES_PER_WORKER)
    return tuple(len(range(each, cores, workers)) for each in range(workers))


def _images_at_once(environ: Mapping[str, str], workers: int | None) -> tuple[int, ...]:
    """Spread the cores over workers, unless `--workers` or MAX_PARALLEL was given.

    Then there are that many workers, or one per core, and each counts as one image here: the worker reads
    MAX_PARALLEL itself.
    """
    if workers or "MAX_PARALLEL" in environ:
        return (1,) * (workers or _usable_cores())
    return spread_cores(_usable_cores())


def _parse_listen(text: str) -> tuple[str, int | None]:
    if not text:
        return "", None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise CannotRun(f"LISTEN={text} is not host:port, such as 127.0.0.1:8080.")
    return host, int(port)


def _usable_cores() -> int:
    # The cores this process may use: a container or `taskset` may allow fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
