"""`python -m imagejobs_worker pool` or `shard`: starts the process that decoders come from, then the program.

The way to a shard's first image is short: each step that takes time to load is begun in an order in which the
next can run beside it. This is the only module that reads the environment.
"""

import gc
import os
import sys

from imagejobs_worker.child import spawn

READER_SECONDS = 0.0005
"""How long a thread that has read from S3 waits for the interpreter while modules load. With Python's
default, 5 ms, it would wait about ten times in turn, and end after the imports.
"""
USAGE = "usage: imagejobs-worker pool | shard\n"


def main() -> int:
    """Run the program and return its exit code."""
    if sys.argv[1:] not in (["pool"], ["shard"]):
        sys.stderr.write(USAGE)
        return 2
    spawned = spawn.spawn()
    # Collections while modules load find nothing; `gc.freeze` spares later ones these objects.
    gc.disable()
    return _pool(spawned) if sys.argv[1] == "pool" else _shard(spawned)


def _pool(spawned: spawn.Spawned) -> int:
    from imagejobs_worker import program
    from imagejobs_worker.settings import read_pool

    _enable_collections()
    return program.pool(read_pool(os.environ), spawned)


def _shard(spawned: spawn.Spawned) -> int:
    from imagejobs_worker.settings import read_shard

    settings, key = read_shard(os.environ)
    from imagejobs_worker.shard.prefetch import Prefetch

    interval_seconds = sys.getswitchinterval()
    sys.setswitchinterval(READER_SECONDS)
    prefetch = Prefetch(settings.s3, key, 0 if settings.handoff else settings.limits.max_file_bytes)
    from imagejobs_worker import program

    sys.setswitchinterval(interval_seconds)
    _enable_collections()
    return program.shard(settings, key, prefetch, spawned)


def _enable_collections() -> None:
    gc.freeze()
    gc.enable()


def leave(code: int) -> None:
    """End the process at once, without the interpreter's own clean-up.

    All that needs tidying is tidy by then, and that clean-up takes 14 ms.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
