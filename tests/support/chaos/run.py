"""Runs one plan on a machine: load, faults, and then everything that must hold."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

import httpx2

from imagejobs_contract.wire import redis_keys
from support.api.client import FINAL_STATES, ApiClient
from support.chaos import acts, invariants
from support.chaos.acts import NotPossible
from support.chaos.load import Load, Reader, Watch
from support.chaos.machine import Machine
from support.chaos.plan import BEGIN_SECONDS, INSTANT, Fault, Kind, Plan, Sending, Target, Way
from support.clock.waiting import happens

READY_SECONDS = 60.0
LAST = Sending(Way.SINGLE, 0.0, 1, 0)
END_SECONDS = 90.0
"""How long jobs may take to end once all faults are over; a quiet run takes less than 2 s."""

TOLD_SECONDS = 15.0
"""How long the end of a job may take to its readers: where Redis did not tell it, the API asks every 10 s."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a plan.

    Attributes:
        wrong: What should hold and does not, for people.
        undone: Faults that could not be done, and why.
        seconds: From the first request to the last check.
        settled_seconds: From the end of the last fault until all jobs had ended.
        images: Images of the accepted jobs.
    """

    plan: Plan
    wrong: tuple[str, ...]
    undone: tuple[str, ...]
    seconds: float
    settled_seconds: float
    images: int


def run(machine: Machine, plan: Plan) -> Result:
    """Do all of a plan, then check what must hold."""
    began, before = time.monotonic(), machine.keys()
    kills = sum((each.target, each.kind) == (Target.CHILD, Kind.KILLED) for each in plan.faults)
    load = Load(machine, f"chaos-{plan.seed}-{began:.3f}", kills, _may_fall(plan))
    watch, reader = Watch(load), Reader(load)
    try:
        senders = [
            threading.Timer(each.after_seconds, load.send, (number, each, began + READY_SECONDS))
            for number, each in enumerate(plan.sendings)
        ]
        for each in senders:
            each.start()
        undone = _do(machine, plan.faults, began)
        healed = time.monotonic()
        for each in senders:
            each.join()
        wrong = list(_wrong_until_the_end(machine, load))
        settled = time.monotonic() - healed
    finally:
        reader.stop(TOLD_SECONDS)
        watch.stop()
    if not wrong:
        wrong += _wrong_afterwards(machine, load, before, _longest_seconds(plan))
    images = sum(each.total for each in load.accepted)
    return Result(plan, (*load.wrong, *wrong), tuple(undone), time.monotonic() - began, settled, images)


def _do(machine: Machine, faults: tuple[Fault, ...], began: float) -> list[str]:
    """Let all faults begin and end; return those that could not be done, with the reasons."""
    undone: list[str] = []
    numbers = count()
    due: list[tuple[float, int, Callable[[], object]]] = []

    def at(moment: float, act: Callable[[], object]) -> None:
        heapq.heappush(due, (moment, next(numbers), act))

    def begin(fault: Fault) -> None:
        try:
            undo = acts.begin(machine, fault)
        except NotPossible as ex:
            undone.append(f"{fault}: {ex}")
        else:
            if undo:
                at(time.monotonic() + fault.lasts_seconds, undo)

    def reach(fault: Fault) -> None:
        waiting.remove(fault)
        begin(fault)

    waiting = [each for each in faults if each.point]
    for target, line in machine.lines.items():
        points = [each for each in waiting if each.point and each.point.line is target]
        line.count_answers({each.point.answers: partial(reach, each) for each in points if each.point})
    for each in faults:
        if not each.point:
            at(began + each.after_seconds, partial(begin, each))
    while due:
        moment, _, act = heapq.heappop(due)
        time.sleep(max(0.0, moment - time.monotonic()))
        act()
    if waiting and not happens(lambda: not waiting, began + 2 * BEGIN_SECONDS - time.monotonic()):
        for line in machine.lines.values():
            line.count_answers({})
        undone += [f"{each}: not reached" for each in waiting]
    return undone


def _wrong_until_the_end(machine: Machine, load: Load) -> Iterator[str]:
    """Wait until everything is ready and all jobs have ended; yield what does not come to its end."""
    if not happens(machine.is_ready, READY_SECONDS):
        yield f"not ready {READY_SECONDS:g} s after the last fault"
        return
    # One more, which needs every program: when it has ended, those that were killed last work again, too.
    load.send(-1, LAST, time.monotonic() + READY_SECONDS)
    with httpx2.Client(base_url=machine.url, timeout=20) as http:
        client = ApiClient(http)
        open_jobs = [each.id for each in load.accepted]

        def all_ended() -> bool:
            open_jobs[:] = [each for each in open_jobs if client.progress(each)["state"] not in FINAL_STATES]
            return not open_jobs

        if not happens(all_ended, END_SECONDS):
            found = [client.progress(each) for each in open_jobs]
            yield f"not ended {END_SECONDS:g} s after the last fault: {found}"


def _may_fall(plan: Plan) -> bool:
    """Return whether Redis and the operator, which alone know the newest outcomes, are lost together."""
    lost = {each.target for each in plan.faults if each.kind in INSTANT}
    return Target.EVERYTHING in lost or {Target.REDIS, Target.OPERATOR} <= lost


def _longest_seconds(plan: Plan) -> int:
    """Return how long keys of an ended job may live: its end is told to Redis once, and may be missed."""
    missed = any(each.target in (Target.REDIS, Target.OPERATOR, Target.EVERYTHING) for each in plan.faults)
    return redis_keys.JOB_SECONDS if missed else redis_keys.ENDED_SECONDS


def _wrong_afterwards(machine: Machine, load: Load, before: set[str], longest_seconds: int) -> Iterator[str]:
    with httpx2.Client(base_url=machine.url, timeout=20) as http:
        client = ApiClient(http)
        yield from invariants.wrong_with_jobs(machine, client, load, before)
        yield from invariants.wrong_at_rest(machine, longest_seconds)
        yield from invariants.wrong_after_deletion(machine, client, load, before)
        yield from invariants.wrong_with_usage(machine, client, load)
