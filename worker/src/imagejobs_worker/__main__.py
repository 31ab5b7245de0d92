"""`python -m imagejobs_worker pool` or `shard`: starts the clean process that decoders come from, then the program beside it.

The way to a shard's first image is kept short: nothing is imported here that the first line of `main` does not need.
"""

import gc
import os
import sys

from imagejobs_worker.child import spawn

USAGE = "usage: imagejobs-worker pool | shard\n"


def main() -> int:
    """Run the program and return its exit code."""
    if sys.argv[1:] not in (["pool"], ["shard"]):
        sys.stderr.write(USAGE)
        return 2
    spawned = spawn.spawn()
    # Collections while modules load find nothing, and later need not look at what they left behind.
    gc.disable()
    from imagejobs_worker import program

    gc.freeze()
    gc.enable()
    return program.run(sys.argv[1], os.environ, spawned)


def leave(code: int) -> None:
    """End at once: all that has to be tidied up is, and the interpreter would spend 14 ms on taking itself apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
