"""Speaks to the kernel where Python has no words for it: raw system calls and prctl, through `ctypes`.

Linux only.
"""

import ctypes
import errno
import os
from functools import cache

SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVS, SET_MDWE = 4, 22, 38, 65
"""From linux/prctl.h."""
ABSENT = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES})
"""How a kernel says that it has no such thing, that it is switched off, or that a container's own filter
forbids it.
"""
_CAPABILITY_VERSION = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of linux/capability.h: two words per set."""


def call(number: int, *arguments: object) -> int:
    """Make a system call and return what it returns.

    Args:
        number: The same on all architectures for calls that came after Linux 5.0.
        arguments: Whole numbers, or pointers made by `ctypes`.

    Raises:
        OSError: The kernel refused.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_word, arguments)))


def prctl(option: int, *arguments: object) -> int:
    """Change an attribute of this process.

    Raises:
        OSError: The kernel refused.
    """
    words = [*arguments, 0, 0, 0, 0][:4]
    return _checked(_libc().prctl(option, *map(_word, words)))


def close_to_peers() -> None:
    """Close this process's memory, environment and descriptors to other processes of its user; they could read them through /proc."""
    prctl(SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up what root may do beyond others, if this is root."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(_libc().capset(header, (ctypes.c_uint32 * 6)()))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _word(argument: object) -> object:
    """Pass whole numbers as machine words: C would take the upper half of an int for granted."""
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
