"""The few system calls that a decoder needs once it is loaded, and their numbers.

Found by watching a child make every format from every format.

Numbers: linux/arch/x86/entry/syscalls/syscall_64.tbl, linux/include/uapi/asm-generic/unistd.h (arm64).
"""

from typing import NamedTuple


class Equal(NamedTuple):
    """A condition: the argument has this value.

    The kernel compares the lower half of an int and a pid, both halves of a pointer.
    """

    argument: int
    value: int
    pointer: bool = False


class Without(NamedTuple):
    """A condition: none of these bits is set in the argument."""

    argument: int
    bits: int


class Absent:
    """No condition: the call fails as unknown (ENOSYS), so that libraries use its older form."""


Condition = Equal | Without | Absent


class Machine(NamedTuple):
    """An architecture: its name in seccomp (AUDIT_ARCH in linux/audit.h), and the numbers of its calls.

    Attributes:
        numbers: Of the calls that a child may make.
        seccomp: The number of the call that makes a filter.
    """

    arch: int
    numbers: dict[str, int]
    seccomp: int


X86_64 = Machine(
    0xC000003E,
    {
        "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigprocmask": 14,
        "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "getpid": 39, "sendto": 44,
        "recvfrom": 45, "exit": 60, "getcwd": 79, "getrusage": 98, "gettid": 186, "futex": 202,
        "restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231,
        "tgkill": 234, "prlimit64": 302, "getrandom": 318, "clone": 56, "clone3": 435,
        "set_robust_list": 273, "rseq": 334,
    },
    317,
)  # fmt: skip
ARM64 = Machine(
    0xC00000B7,
    {
        "getcwd": 17, "read": 63, "write": 64, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214,
        "rt_sigprocmask": 135, "writev": 66, "sched_yield": 124, "mremap": 216, "madvise": 233,
        "getpid": 172, "sendto": 206, "recvfrom": 207, "exit": 93, "getrusage": 165, "gettid": 178,
        "futex": 98, "restart_syscall": 128, "clock_gettime": 113, "clock_nanosleep": 115,
        "exit_group": 94, "tgkill": 131, "prlimit64": 261, "getrandom": 278, "clone": 220, "clone3": 435,
        "set_robust_list": 99, "rseq": 293,
    },
    277,
)  # fmt: skip
MACHINES = {"x86_64": X86_64, "aarch64": ARM64}
"""By the names of `os.uname`."""

_EXECUTABLE = 4
"""PROT_EXEC: memory that could hold code of the file's author."""
_RLIMIT_CPU = 0
_THREAD = 0x3D0F00
"""The flags with which glibc makes a thread: all is shared, nothing is new (CLONE_VM, FS, FILES, SIGHAND,
THREAD, SYSVSEM, SETTLS, ...).
"""


_UNCONDITIONAL = (
    # Input and output: only the socket, the null device and a pipe of its own are open; no more can be.
    "read", "write", "writev", "recvfrom",
    # Memory and scheduling.
    "brk", "munmap", "mremap", "madvise", "futex", "sched_yield",
    # Facts about the process, time and random numbers.
    "getpid", "gettid", "getrusage", "getrandom", "clock_gettime", "clock_nanosleep", "restart_syscall",
    # Pillow compares the path that a picture is saved to with the one that it was opened from.
    "getcwd",
    "rt_sigprocmask", "exit", "exit_group",
)  # fmt: skip


def allowed(pid: int, *, threads: bool = False) -> dict[str, tuple[Condition, ...]]:
    """Return the calls that a process may make, each with the conditions on its arguments.

    Args:
        pid: The process itself: `abort` sends a signal, and it may go nowhere else.
        threads: Whether it may start threads, which live under the same filter: libde265 always decodes on a
            thread of its own.
    """
    conditional: dict[str, tuple[Condition, ...]] = {
        "mmap": (Without(2, _EXECUTABLE),),
        "mprotect": (Without(2, _EXECUTABLE),),
        "sendto": (Equal(4, 0, pointer=True),),
        "prlimit64": (Equal(0, 0), Equal(1, _RLIMIT_CPU)),
        "tgkill": (Equal(0, pid),),
    }
    return dict.fromkeys(_UNCONDITIONAL, ()) | conditional | (_THREADS if threads else {})


_THREADS: dict[str, tuple[Condition, ...]] = {
    "clone": (Equal(0, _THREAD),),
    "clone3": (Absent(),),  # its flags lie in memory, where no filter can read them
    "set_robust_list": (),
    "rseq": (),
}
