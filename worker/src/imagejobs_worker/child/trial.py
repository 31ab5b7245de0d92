"""Tries on this machine what a cage holds, in a process that is thrown away: what the kernel says it has is not what it does (gVisor, containers)."""

import errno
import os
import signal
import sys
from dataclasses import dataclass

from imagejobs_worker.child import kernel, landlock, seccomp
from imagejobs_worker.child.cage import Mode


@dataclass(frozen=True, slots=True)
class Held:
    """What was seen to hold.

    Attributes:
        landlock: Its version, 0 if a file could be opened in spite of it.
        seccomp: A forbidden call ended the process.
    """

    landlock: int = 0
    seccomp: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the layers that do not hold."""
        return tuple(name for name in ("landlock", "seccomp") if not getattr(self, name))


def held(mode: Mode) -> Held:
    """Fork once, cage the fork, and watch it try to get out. Call it before there are threads: milliseconds."""
    if mode is Mode.OFF or sys.platform != "linux":
        return Held()
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _escape(writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read(1)
    status = os.waitpid(pid, 0)[1]
    return Held(said[0] if said else 0, os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS)


def _escape(report: int) -> None:
    """Never returns: ends by SIGSYS if the filter holds."""
    try:
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        version = landlock.forbid_all()
        os.write(report, bytes([version if _refused() else 0]))
        if seccomp.install():
            os.getppid()
    finally:
        os._exit(0)


def _refused() -> bool:
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError as ex:
        return ex.errno == errno.EACCES
    return False
