"""Landlock without a single rule: nothing outside this process can be reached.

No file, folder, TCP port or abstract socket can be opened, and no signal sent. Linux 5.13 and newer, where
the module is on. The rights that each version can forbid: linux/landlock.h and the kernel's
userspace-api/landlock.
"""

import ctypes
import os

from imagejobs_worker.child import kernel

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_FILES = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version -> number of rights on files that it knows: all but refer, truncate and ioctl from the first, each
of those later.
"""
_NETWORK_SINCE, _NETWORK = 4, 0b11
"""Binding and connecting TCP sockets. UDP is forbidden by seccomp alone."""
_SCOPES_SINCE, _SCOPES = 6, 0b11
"""Connecting to abstract sockets of other processes, and sending them signals."""


def version() -> int:
    """Return the kernel's version of Landlock, 0 where it has none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError as ex:
        if ex.errno in kernel.ABSENT_ERRNOS:
            return 0
        raise


def forbid_all() -> int:
    """Forbid this process, for good, every right that the kernel's version knows.

    Return that version, 0 where there is none. `no_new_privs` must be set.

    Raises:
        OSError: The kernel has Landlock and refused to apply it.
    """
    known = version()
    if known:
        rules = (ctypes.c_uint64 * 3)(*access_masks(known))
        ruleset = kernel.syscall(_CREATE_RULESET, rules, ctypes.sizeof(rules), 0)
        try:
            kernel.syscall(_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
    return known


def access_masks(known: int) -> tuple[int, int, int]:
    """Return the rights that a version can forbid, in the order of its struct: files, network, scopes."""
    files = max(count for since, count in _FILES.items() if since <= known)
    return (
        (1 << files) - 1,
        _NETWORK if known >= _NETWORK_SINCE else 0,
        _SCOPES if known >= _SCOPES_SINCE else 0,
    )
