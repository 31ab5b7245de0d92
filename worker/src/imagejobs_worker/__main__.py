"""`python -m imagejobs_worker pool` or `shard`: starts the clean process that decoders come from, then the program beside it.

The way to a shard's first image is kept short: what takes time to load is prefetch in the order in which
something can go on beside it.
"""

import gc
import os
import sys

from imagejobs_worker.child import spawn

READER_SECONDS = 0.0005
"""How long a read that came back waits for modules that load; by Python's default, 5 ms, ten times in turn,
it would be done after them.
"""
USAGE = "usage: imagejobs-worker pool | shard\n"


def main() -> int:
    """Run the program and return its exit code."""
    if sys.argv[1:] not in (["pool"], ["shard"]):
        sys.stderr.write(USAGE)
        return 2
    spawned = spawn.spawn()
    # Collections while modules load find nothing, and later need not look at what they left behind.
    gc.disable()
    return _pool(spawned) if sys.argv[1] == "pool" else _shard(spawned)


def _pool(spawned: spawn.Spawned) -> int:
    from imagejobs_worker import program
    from imagejobs_worker.settings import read_pool

    _collect_again()
    return program.pool(read_pool(os.environ), spawned)


def _shard(spawned: spawn.Spawned) -> int:
    from imagejobs_worker.settings import read_shard

    settings, key = read_shard(os.environ)
    from imagejobs_worker.shard.prefetch import Prefetch

    turn = sys.getswitchinterval()
    sys.setswitchinterval(READER_SECONDS)
    prefetch = Prefetch(settings.s3, key, 0 if settings.handoff else settings.limits.max_file_bytes)
    from imagejobs_worker import program

    sys.setswitchinterval(turn)
    _collect_again()
    return program.shard(settings, key, prefetch, spawned)


def _collect_again() -> None:
    gc.freeze()
    gc.enable()


def leave(code: int) -> None:
    """End at once: all that has to be tidied up is, and the interpreter would spend 14 ms on taking itself apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
