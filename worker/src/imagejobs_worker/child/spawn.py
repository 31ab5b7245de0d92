"""Starts the zygote's process, and loads next to nothing for it: a worker does this before its own modules, so that both load beside each other.

It says nothing yet: what the zygote is to be comes over the control socket, once the worker has read its
settings.
"""

import os
import sys
from _socket import socketpair  # `socket` takes 6 ms to load, in which the zygote can load already

_START = """
import gc, os; gc.disable()
import sys; sys.path[:] = sys.argv[1].split(os.pathsep)
from imagejobs_worker.child import zygote; zygote.main(); os._exit(0)
"""
"""Collections while it imports would find nothing, and tidying up at its end would be for nobody: 7 and 13
ms.
"""
_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""All that a child may know of the outside. Huge pages spare each decode the page faults of its buffers: WebP
by 30 %. The other two keep the face
detector from starting threads, with which no process should fork: numpy's one a core, and onnxruntime's that
would report what it does.
"""


Spawned = tuple[int, int]
"""The id of a process that is about to be a zygote, and the descriptor of our end of its control socket."""


def spawn() -> Spawned:
    """Start a zygote: by exec, with an empty environment, in a session of its own."""
    ours, its = socketpair()
    path = os.pathsep.join(each for each in sys.path if each)
    command = [sys.executable, "-I", "-S", "-c", _START, path]
    files = [(os.POSIX_SPAWN_DUP2, its.fileno(), 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    try:
        return os.posix_spawn(
            sys.executable, command, _ENVIRONMENT, file_actions=files, setsid=True
        ), ours.detach()
    finally:
        ours.close()
        its.close()
