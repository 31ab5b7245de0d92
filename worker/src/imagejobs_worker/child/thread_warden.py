"""Bounds the threads of a child: the kernel asks here before it starts one. No limit of Unix can count them.

Only with HEIC, whose decoder needs a thread, may a child start any. RLIMIT_NPROC counts all processes of the
user on the node, and a filter counts nothing; so the child's filter hands each start to this listener
(SECCOMP_RET_USER_NOTIF, Linux 5.5). What it tells comes from the kernel, not from the child.
"""

import asyncio
import fcntl
import os
import signal
import struct
from contextlib import suppress
from io import FileIO

MAX_THREADS = 8
"""Of one child at a time; libde265 has one beside the main thread."""
MAX_STARTS = 5_000
"""Of one image; a HEIC of a thousand tiles starts one for each."""
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
"""SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND."""
_NOTIFICATION_BYTES = 80
_ANSWER = struct.Struct("=QqiI")
"""struct seccomp_notif_resp: the id of the call, its result, its error, flags."""
_CONTINUE = 1
"""SECCOMP_USER_NOTIF_FLAG_CONTINUE: the call is made as it stands; its flags are in registers."""
_STATUS_BYTES = 4096


class ThreadWarden:
    """Answers the kernel for one child, and kills the child that wants too many threads.

    Args:
        pid: The child.
        listener: The descriptor that its filter made; closed by `close`.

    Attributes:
        has_killed: The child wanted too many threads.
    """

    def __init__(self, pid: int, listener: int) -> None:
        self._pid = pid
        self._listener = listener
        self._starts = 0
        self.has_killed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener, self._on_start)

    def begin_image(self) -> None:
        """Count the starts of a new image."""
        self._starts = 0

    def close(self) -> None:
        """Stop to answer: from now on the kernel refuses the child's threads."""
        listener, self._listener = self._listener, -1
        if listener >= 0:
            self._loop.remove_reader(listener)
            os.close(listener)

    def _on_start(self) -> None:
        request = bytearray(_NOTIFICATION_BYTES)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, request)
            (call,) = struct.unpack_from("=Q", request)
            self._starts += 1
            if self._starts <= MAX_STARTS and _count_threads(self._pid) < MAX_THREADS:
                fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(call, 0, 0, _CONTINUE))
                return
        except OSError:  # the child is gone, or is going
            self.close()
            return
        self.has_killed = True
        # Closed first, the listener would refuse the thread, and the child could go on and answer.
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self.close()


def _count_threads(pid: int) -> int:
    with FileIO(f"/proc/{pid}/status") as file:
        return int(file.read(_STATUS_BYTES).partition(b"\nThreads:")[2].split(None, 1)[0])
