"""Starts the zygote's process before the worker loads its own modules, so that both load at the same time.

It therefore imports almost nothing. It sends no settings: they follow over the control socket, once the
worker has read them.
"""

import os
import sys
from _socket import socketpair  # `socket` takes 6 ms to load; the zygote can load in that time

_START = """
import gc, os; gc.disable()
import sys; sys.path[:] = sys.argv[1].split(os.pathsep)
from imagejobs_worker.child import zygote; zygote.main(); os._exit(0)
"""
"""Garbage collections during its imports would find nothing (7 ms), and a clean-up at its end is of no use
(13 ms).
"""
_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""All that a child may know of the outside. Huge pages spare each decode the page faults of its buffers: WebP
by 30 %. The other two keep the face detector from starting threads, because a process with threads must not
fork: numpy starts one per core, and onnxruntime one that reports its use.
"""


Spawned = tuple[int, int]
"""The id of a process that becomes a zygote, and the descriptor of our end of its control socket."""


def spawn() -> Spawned:
    """Start a zygote: by exec, with an environment of its own, in a session of its own."""
    ours, its = socketpair()
    path = os.pathsep.join(each for each in sys.path if each)
    command = [sys.executable, "-I", "-S", "-c", _START, path]
    files = [(os.POSIX_SPAWN_DUP2, its.fileno(), 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    try:
        pid = os.posix_spawn(sys.executable, command, _ENVIRONMENT, file_actions=files, setsid=True)
        return pid, ours.detach()
    finally:
        ours.close()
        its.close()
