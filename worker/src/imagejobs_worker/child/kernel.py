"""Raw system calls and prctl through `ctypes`, for calls that Python does not offer.

Linux only.
"""

import ctypes
import errno
import os
from functools import cache

SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVS, SET_MDWE = 4, 22, 38, 65
"""From linux/prctl.h."""
ABSENT_ERRNOS = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES})
"""Errors by which a kernel says that it lacks a feature, that it is switched off, or that a container's own
filter forbids it.
"""
_CAPABILITY_VERSION = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of linux/capability.h: two words per set."""


def syscall(number: int, *arguments: object) -> int:
    """Make a system call and return its result.

    Args:
        number: The same on all architectures for calls that came after Linux 5.0.
        arguments: Whole numbers, or pointers made by `ctypes`.

    Raises:
        OSError: The kernel refused.
    """
    return _check(_libc().syscall(ctypes.c_long(number), *map(_as_word, arguments)))


def prctl(option: int, *arguments: object) -> int:
    """Change an attribute of this process.

    Raises:
        OSError: The kernel refused.
    """
    words = [*arguments, 0, 0, 0, 0][:4]
    return _check(_libc().prctl(option, *map(_as_word, words)))


def hide_from_peers() -> None:
    """Hide this process's memory, environment and descriptors from other processes of its user.

    They could read them through /proc.
    """
    prctl(SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up the capabilities of root, if this is root."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _check(_libc().capset(header, (ctypes.c_uint32 * 6)()))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _as_word(argument: object) -> object:
    """Pass whole numbers as machine words: C would leave the upper half of an int undefined."""
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
