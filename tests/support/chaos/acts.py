"""How each fault is done and undone."""

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from functools import partial

from redis import RedisError

from support.chaos.machine import CLOCK_SLOTS, Machine
from support.chaos.plan import Fault, Kind, Target
from support.clock.waiting import happens

Undo = Callable[[], object]

APPEAR_SECONDS = 1.0
"""How long a fault waits for its process, such as the shard of a job that was just sent."""
SLOW_SECONDS = 0.2
"""Delay of each piece on a slow line."""
REDIS_MEMORY = "512mb"
MEND_SECONDS = 60.0
"""How long Redis may take until it can be mended: another fault may have frozen it."""
CLOCK_SECONDS = 600
"""A jump that S3 still accepts: signatures may be 15 minutes off."""


class NotPossible(Exception):
    """Raised when a fault cannot be done here and now; its text is the reason."""


def begin(machine: Machine, fault: Fault) -> Undo | None:
    """Let a fault begin; return how it ends.

    Raises:
        NotPossible: It cannot be done here, or its process does not run now.
    """
    return ACTS[fault.kind](machine, fault)


def _kill(machine: Machine, fault: Fault) -> None:
    if fault.target is Target.EVERYTHING:
        machine.kill_everything()
    else:
        machine.kill(_process(machine, fault))


def _freeze(machine: Machine, fault: Fault) -> Undo:
    pid = _process(machine, fault)

    def send(number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    send(signal.SIGSTOP)
    return lambda: send(signal.SIGCONT)


def _process(machine: Machine, fault: Fault) -> int:
    seconds = 0.0 if fault.point else APPEAR_SECONDS
    if not happens(lambda: machine.processes(fault.target), seconds):
        raise NotPossible(f"no {fault.target} ran")
    found = machine.processes(fault.target)
    if not found:
        raise NotPossible(f"the {fault.target} ended")
    return found[fault.which % len(found)]


def _empty(machine: Machine, fault: Fault) -> None:
    _ask_redis(machine, "FLUSHALL")


def _fill(machine: Machine, fault: Fault) -> Undo:
    if fault.target is Target.DISK:
        return _fill_disk(machine)
    _ask_redis(machine, "CONFIG", "SET", "maxmemory", "1")
    return lambda: _mend_redis(machine)


def _mend_redis(machine: Machine) -> None:
    """Give Redis its memory and its writes back, once it answers."""
    for setting in (("maxmemory", REDIS_MEMORY), ("min-replicas-to-write", "0")):
        happens(partial(_is_set, machine, *setting), MEND_SECONDS)


def _is_set(machine: Machine, *setting: str) -> bool:
    try:
        _ask_redis(machine, "CONFIG", "SET", *setting)
    except NotPossible:
        return False
    return True


def _fill_disk(machine: Machine) -> Undo:
    if machine.disk is None:
        raise NotPossible("no right to mount a small disk")
    ballast = machine.disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(machine.disk).free)
        file.seek(0, os.SEEK_END)
        while True:  # what was freed meanwhile, to the last page
            file.write(bytes(4096))
    return lambda: ballast.unlink(missing_ok=True)


def _forbid_writes(machine: Machine, fault: Fault) -> Undo:
    _ask_redis(machine, "CONFIG", "SET", "min-replicas-to-write", "1")
    return lambda: _mend_redis(machine)


def _ask_redis(machine: Machine, *command: str) -> None:
    try:
        with machine.redis() as client:
            client.execute_command(*command)
    except (RedisError, OSError) as ex:
        raise NotPossible(f"Redis does not answer: {type(ex).__name__}") from ex


def _lock(machine: Machine, fault: Fault) -> Undo:
    connection = sqlite3.connect(
        machine.folder / "jobs.db", 1.0, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as ex:
        connection.close()
        raise NotPossible(f"SQLite: {ex}") from ex
    return connection.close


def _slow(machine: Machine, fault: Fault) -> Undo:
    machine.lines[fault.target].slow(SLOW_SECONDS)
    return machine.lines[fault.target].mend


def _cut(machine: Machine, fault: Fault) -> Undo:
    machine.lines[fault.target].cut()
    return machine.lines[fault.target].mend


def _silence(machine: Machine, fault: Fault) -> Undo:
    machine.lines[fault.target].silence()
    return machine.lines[fault.target].mend


def _jump(machine: Machine, fault: Fault) -> Undo:
    """Set the clock of one program, or of all together."""
    if machine.clock is None:
        raise NotPossible("no compiler for the clock")
    chosen = fault.which % (CLOCK_SLOTS + 1)
    slots = range(CLOCK_SLOTS) if chosen == CLOCK_SLOTS else range(chosen, chosen + 1)
    machine.set_clock(CLOCK_SECONDS if fault.kind is Kind.AHEAD else -CLOCK_SECONDS, slots)
    return lambda: machine.set_clock(0, slots)


ACTS: dict[Kind, Callable[[Machine, Fault], Undo | None]] = {
    Kind.KILLED: _kill,
    Kind.FROZEN: _freeze,
    Kind.EMPTIED: _empty,
    Kind.FULL: _fill,
    Kind.READ_ONLY: _forbid_writes,
    Kind.LOCKED: _lock,
    Kind.SLOW: _slow,
    Kind.CUT: _cut,
    Kind.SILENT: _silence,
    Kind.AHEAD: _jump,
    Kind.BEHIND: _jump,
}
