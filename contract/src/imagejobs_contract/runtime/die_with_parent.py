"""Lets a child process end with the process that started it, also when that one is killed (Linux only).

Imports little: a zygote, whose start delays every image, uses it too.
"""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h: the signal that the kernel sends to a process when its parent ends."""


def _find_prctl() -> Callable[[int, int], int] | None:
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None


_prctl = _find_prctl()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends; it does nothing where the kernel is not Linux.

    Safe as a `preexec_fn`, between fork and exec: it makes one system call, bound before the fork.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
