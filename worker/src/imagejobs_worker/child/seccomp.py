"""The filter that the kernel runs before each system call of a child: any call not allowed ends the process.

It ends the process (SIGSYS) instead of refusing the call, so that an attempt is seen: as a failed image, and
by the kernel's audit. See the kernel's userspace-api/seccomp_filter.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator, Mapping, Sequence

from imagejobs_worker.child import kernel, syscalls
from imagejobs_worker.child.syscalls import Absent, Condition, Equal, Machine

_FILTER = 2
"""SECCOMP_MODE_FILTER."""
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
"""SECCOMP_RET_KILL_PROCESS (Linux 4.14; older kernels kill the thread, and the child has one),
SECCOMP_RET_ALLOW.
"""
_ASK = 0x7FC00000
"""SECCOMP_RET_USER_NOTIF (Linux 5.0)."""
_SET_FILTER, _NEW_LISTENER = 1, 8
"""SECCOMP_SET_MODE_FILTER and its SECCOMP_FILTER_FLAG_NEW_LISTENER."""
_NOT_THERE = 0x00050000 | errno.ENOSYS
"""SECCOMP_RET_ERRNO with ENOSYS."""
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
"""Classic BPF: load a 32-bit word of the call's description, two conditional jumps, return."""
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data; an argument has 8 bytes, the lower half first on both machines."""
_WORD = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true, if false, operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(*, threads: bool = False) -> bool:
    """Put this process under the filter, for good; return False where the kernel or the machine has none.

    `no_new_privs` must be set.

    Raises:
        OSError: The kernel refused it for another reason.
    """
    machine = syscalls.MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    try:
        load(build_filter(machine, syscalls.allowed(os.getpid(), threads=threads)))
    except OSError as ex:
        if ex.errno in kernel.ABSENT_ERRNOS:
            return False
        raise
    return True


def listen_for_threads() -> int | None:
    """Make the kernel ask before this process starts a thread; return the descriptor on which it asks.

    `no_new_privs` must be set. None where the kernel or the machine has no such filter.

    Raises:
        OSError: The kernel refused it for another reason.
    """
    machine = syscalls.MACHINES.get(os.uname().machine)
    if machine is None:
        return None
    asking = [
        (_LOAD, 0, 0, _NUMBER),
        (_IF_EQUAL, 0, 1, machine.numbers["clone"]),
        _return(_ASK),
        _return(_ALLOW),
    ]
    code = b"".join(struct.pack("=HBBI", *each) for each in asking)
    program = _Program(len(asking), code)
    try:
        return kernel.syscall(machine.seccomp, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
    except OSError as ex:
        if ex.errno in kernel.ABSENT_ERRNOS | {errno.EBUSY}:
            return None
        raise


def load(instructions: Sequence[Instruction]) -> None:
    """Put this process under a filter, for good.

    Raises:
        OSError: The kernel refused it.
    """
    code = b"".join(struct.pack("=HBBI", *each) for each in instructions)
    kernel.prctl(kernel.SET_SECCOMP, _FILTER, ctypes.byref(_Program(len(instructions), code)))


def build_filter(machine: Machine, allowed: Mapping[str, tuple[Condition, ...]]) -> list[Instruction]:
    """Return the filter program.

    Calls of another machine, such as 32-bit ones, end the process, whatever their number.
    """
    instructions = [
        (_LOAD, 0, 0, _ARCH),
        (_IF_EQUAL, 1, 0, machine.arch),
        _return(_KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for name, conditions in allowed.items():
        body = [*(each for condition in conditions for each in _check_argument(condition)), _return(_ALLOW)]
        instructions += [(_IF_EQUAL, 0, len(body), machine.numbers[name]), *body]
    return [*instructions, _return(_KILL)]


def _check_argument(condition: Condition) -> Iterator[Instruction]:
    if isinstance(condition, Absent):
        yield _return(_NOT_THERE)
        return
    low = _ARGUMENTS + 8 * condition.argument
    yield _LOAD, 0, 0, low
    if not isinstance(condition, Equal):
        yield _IF_ANY_BIT, 0, 1, condition.bits
        yield _return(_KILL)
        return
    yield _IF_EQUAL, 1, 0, condition.value & _WORD
    yield _return(_KILL)
    if condition.pointer:
        yield _LOAD, 0, 0, low + 4
        yield _IF_EQUAL, 1, 0, condition.value >> 32
        yield _return(_KILL)


def _return(verdict: int) -> Instruction:
    return _RETURN, 0, 0, verdict
