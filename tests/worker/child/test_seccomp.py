"""The filter, run as the kernel runs it, for both machines."""

import struct

import pytest

from imagejobs_worker.child import seccomp, syscalls

PID = 4711
KILL, ALLOW = 0x80000000, 0x7FFF0000
MACHINES = pytest.mark.parametrize("machine", syscalls.MACHINES.values(), ids=syscalls.MACHINES)
HIGH = 1 << 32
FORBIDDEN = {
    "x86_64": {
        "open": 2,
        "socket": 41,
        "connect": 42,
        "clone": 56,
        "fork": 57,
        "execve": 59,
        "kill": 62,
        "ptrace": 101,
        "openat": 257,
        "x32": 0x40000000,
    },
    "aarch64": {
        "openat": 56,
        "ptrace": 117,
        "kill": 129,
        "socket": 198,
        "connect": 203,
        "clone": 220,
        "execve": 221,
        "memfd_create": 279,
        "bpf": 280,
    },
}


def verdict(machine, number, arguments=(), arch=None, threads=False):
    """Interpret the program over a struct seccomp_data."""
    data = struct.pack(
        "<IIQ6Q", number, machine.arch if arch is None else arch, 0, *arguments, *[0] * (6 - len(arguments))
    )
    program, at, word = seccomp.build_filter(machine, syscalls.allowed(PID, threads=threads)), 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                word = struct.unpack_from("<I", data, operand)[0]
            case 0x15:
                at += if_true if word == operand else if_false
            case 0x45:
                at += if_true if word & operand else if_false
            case 0x06:
                return operand


@MACHINES
def test_every_machine_knows_every_call(machine):
    assert set(machine.numbers) == set(syscalls.allowed(PID, threads=True))
    assert len(set(machine.numbers.values())) == len(machine.numbers)


@MACHINES
def test_all_numbers_but_the_listed_end_the_process(machine):
    free = {name for name, conditions in syscalls.allowed(PID).items() if not conditions}
    allowed = {machine.numbers[name] for name in free}
    conditional = {machine.numbers[name] for name in syscalls.allowed(PID)} - allowed
    for number in set(range(600)) - conditional:
        assert verdict(machine, number, (7,) * 6) == (ALLOW if number in allowed else KILL)


@pytest.mark.parametrize(
    ("machine", "name"), [(machine, name) for machine, calls in FORBIDDEN.items() for name in calls]
)
def test_what_leads_outside_ends_the_process(machine, name):
    assert verdict(syscalls.MACHINES[machine], FORBIDDEN[machine][name]) == KILL


@MACHINES
def test_calls_of_another_machine_end_the_process(machine):
    """x86-64 kernels also run 32-bit calls, whose numbers mean other things."""
    for arch in (0x40000003, 0x40000028, 0):
        assert verdict(machine, machine.numbers["read"], arch=arch) == KILL


@MACHINES
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("mmap", (0, 4096, 3), ALLOW),
        ("mmap", (0, 4096, 7), KILL),
        ("mprotect", (0, 4096, 1), ALLOW),
        ("mprotect", (0, 4096, 5), KILL),
        ("sendto", (0, 1, 2, 0, 0), ALLOW),
        ("sendto", (0, 1, 2, 0, 8), KILL),
        ("sendto", (0, 1, 2, 0, HIGH), KILL),
        ("prlimit64", (0, 0), ALLOW),
        ("prlimit64", (1, 0), KILL),
        ("prlimit64", (0, 7), KILL),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (PID - 1, PID, 6), KILL),
    ],
)
def test_arguments_are_looked_at(machine, name, arguments, expected):
    assert verdict(machine, machine.numbers[name], arguments) == expected


@MACHINES
def test_where_threads_are_allowed_a_process_is_not(machine):
    thread, process, namespace = 0x3D0F00, 0x1200011, 0x3D0F00 | 0x10000000
    assert [
        verdict(machine, machine.numbers["clone"], (flags,), threads=True)
        for flags in (thread, process, namespace)
    ] == [ALLOW, KILL, KILL]
    assert verdict(machine, machine.numbers["clone3"], threads=True) == 0x00050000 | 38
    assert (
        verdict(machine, machine.numbers["clone"], (thread,))
        == verdict(machine, machine.numbers["clone3"])
        == KILL
    )
