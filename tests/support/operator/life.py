"""One job's life without servers: the events that may happen to it, and what must hold after each of them.

The real plan and reconcile run in a world with lost events, kills between any two writes, an empty Redis and
people who change the job. Two draw events: `test_simulation` (Hypothesis) and `lives` (by seed).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagejobs_contract.codes import Code
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.names import FINALIZER, JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output
from imagejobs_contract.model.status import Condition, ConditionType, State, Status
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_contract.wire import s3_keys
from imagejobs_operator.decide.deadlines import DELETION_SECONDS
from support.operator.world import OUTPUTS, World, spec

KEY = JobKey("ns", "job")
CODES = (None, None, None, Code.CORRUPT_IMAGE)
Choices = Mapping[str, Sequence[Any]]
BIRTHS: Choices = {
    "total": (1, 3, 16, 40),
    "execution": tuple(Execution),
    "queue": (None, None, "team"),
    "policy": tuple(DeletionPolicy),
}
"""Argument of `Life` -> its values."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that may happen.

    Attributes:
        act: Lets it happen to a life.
        may: Returns whether it may happen now.
        choices: Argument of `act` -> its values.
    """

    act: Callable[..., None]
    may: Callable[["Life"], bool]
    choices: Choices


EVENTS: dict[str, Event] = {}
"""Name -> event."""


def event(
    may: Callable[["Life"], bool] = lambda life: True, **choices: Sequence[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes an event of a method."""

    def enter(act: Callable[..., None]) -> Callable[..., None]:
        EVENTS[act.__name__] = Event(act, may, choices)
        return act

    return enter


def exists(life: "Life") -> bool:
    """Return whether the job exists."""
    return KEY in life.world.store.jobs


class Life:
    """One job's life. Whoever makes it calls `check` after each event, at last `finish`, and then `close`."""

    def __init__(self, total: int, execution: Execution, queue: str | None, policy: DeletionPolicy) -> None:
        self.world = World(window=7)
        job = spec(
            total,
            execution=execution,
            items_per_pod=5,
            queue_name=None if execution is Execution.POOL else queue,  # together they never begin
            output=Output(deletion_policy=policy),
        )
        self.created = self.last = self.world.create(job)
        self.history: list[Status] = []
        self.versions_checked = 0
        self.events = True  # something has happened that a watch tells, since the last look
        self.looked_at = 0.0
        self.troubles = 0
        self.going: dict[tuple[str, int], float] = {}

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    def check(self) -> None:
        """Check what must hold after each event."""
        self._check_outputs()
        self._check_statuses()

    @event()
    def the_resync_comes(self) -> None:
        """Look at the job if a resync would; if it would not, there is nothing to do for it."""
        memory = self.world.memory
        told = self.world.run(self.world.queue.find_changed(memory.pool_facts()))
        told += memory.pool.record_workers(self.world.queue.alive, self.world.now())
        is_due = memory.is_due(KEY, self.world.now()) or self._timer_is_due() or KEY in told or self.events
        changes = len(self.world.faults.changes)
        self.reconcile()
        assert is_due or len(self.world.faults.changes) == changes, self.world.faults.changes[changes:]

    def _timer_is_due(self) -> bool:
        """Return whether the last reconcile wanted another one by now."""
        again = self.world.requeues.get(KEY)
        seconds = again.requeue_after_seconds if again else None
        return seconds is not None and self.world.elapsed_seconds >= self.looked_at + seconds

    @event()
    def reconcile(self) -> None:
        """Let the operator look at the job."""
        changes = len(self.world.faults.changes)
        again = self.world.reconcile(KEY)
        # Here the feed delivers the operator's own writes, and Jobs that it creates.
        self.events = again is None or len(self.world.faults.changes) > changes
        self.looked_at = self.world.elapsed_seconds

    @event(count=range(9), before=(False, True))
    def reconcile_and_be_killed(self, count: int, before: bool) -> None:
        """Kill the operator before or after a change."""
        self.events = True
        faults = self.world.faults
        at = len(faults.changes) + count
        faults.kill_before, faults.kill_after = (at, None) if before else (None, at)
        self.world.reconcile(KEY)
        faults.kill_before = faults.kill_after = None

    @event(back=range(1, 6))
    def reconcile_an_old_version(self, back: int) -> None:
        """Let the operator see the job as it was some versions ago."""
        self.events = True
        self.world.store.stale[KEY] = back
        self.world.reconcile(KEY)

    @event(system=("redis", "s3", "store"))
    def reconcile_while_a_system_is_away(self, system: str) -> None:
        """Let the operator look while a system does not answer."""
        self.events = True
        self.world.faults.away = {system}
        self.world.reconcile(KEY)
        self.world.faults.away = set()

    @event(seconds=(0.1, 1, 5, 45))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(seconds)

    @event(seconds=(-3600, -20, 20, 3600))
    def calendar_is_set(self, seconds: int) -> None:
        """Let the calendar jump."""
        self.world.set_calendar(seconds)

    @event(code=CODES, count=range(1, 10))
    def workers_work(self, code: Code | None, count: int) -> None:
        """Let the pool work."""
        for _ in range(count):
            self.world.work(code)

    @event()
    def redis_is_flushed(self) -> None:
        """Empty Redis."""
        self.world.flush()

    @event(alive=(False, True))
    def workers_come_and_go(self, alive: bool) -> None:
        """Start or stop the pool's workers."""
        self.world.queue.alive = int(alive)

    @event(lambda life: bool(life.world.jobs.running), place=range(48), most=range(6), code=CODES)
    def a_pod_works(self, place: int, most: int, code: Code | None) -> None:
        """Let the pod of a shard do some of its images."""
        self.events = True
        has_inputs = s3_keys.offsets(self.created.uid) in self.world.objects.data
        if KEY not in self.world.store.jobs or not has_inputs:  # its pods were given up, as of a lost node
            return
        places = [
            (shard, attempt)
            for (_, attempt), it in self.world.jobs.running.items()
            if not it.suspended and not it.ended
            for shard in range(it.shards)
            if shard not in it.done | it.failed
        ]
        if places:
            shard, attempt = places[place % len(places)]
            self.world.shard(shard, attempt, {shard * 5: code} if code else None, most)

    @event(
        lambda life: bool(life.world.jobs.running),
        place=range(4),
        what=("fail index", "fail Job", "deadline", "vanish", "garbage", "suspend"),
    )
    def the_job_has_trouble(self, place: int, what: str) -> None:
        """Let a Job fail, vanish, or be suspended."""
        self.events = True
        self.troubles += 1
        keys = sorted(self.world.jobs.running)
        key = keys[place % len(keys)]
        it = self.world.jobs.running[key]
        if what == "vanish":
            del self.world.jobs.running[key]
        elif what == "garbage":
            self.world.collect_garbage()
        elif what == "suspend":
            it.suspended, it.held = True, not it.managed
        elif not it.ended and what == "fail index":
            it.failed |= {0} - it.done
        elif not it.ended:
            it.reason = {"fail Job": "PodFailurePolicy", "deadline": "DeadlineExceeded"}[what]

    @event(exists, suspend=(False, True))
    def suspend(self, suspend: bool) -> None:
        """Suspend or resume the job."""
        self.events = True
        self.world.store.edit(KEY, suspend=suspend)

    @event(exists)
    def retry(self) -> None:
        """Ask for another attempt."""
        self.events = True
        self.world.store.edit(KEY, retry_failed=self.world.job().spec.retry_failed + 1)

    @event(lambda life: exists(life) and len(life.history) > 3)
    def cancel(self) -> None:
        """Cancel the job."""
        self.events = True
        self.world.store.edit(KEY, cancel=True)

    @event(lambda life: len(life.history) > 5)
    def delete(self) -> None:
        """Delete the job."""
        self.events = True
        self.world.store.user_delete(KEY)

    @event(lambda life: exists(life) and life.world.status().state.stopped)
    def delete_with_outputs(self) -> None:
        """Delete a stopped job with its outputs, as the API does."""
        self.events = True
        self.world.run(self.world.store.add_finalizer(self.world.job(), FINALIZER))
        self.world.store.user_delete(KEY)

    @event(lambda life: life.is_in_hand())
    def a_worker_stores_a_result_without_an_outcome(self) -> None:
        """Let an upload arrive."""
        self.world.objects.keep(f"{OUTPUTS}/late.jpg", b"x")

    def is_in_hand(self) -> bool:
        """Return whether a worker may have an image of the job, or an upload may be on its way to S3."""
        world, uid = self.world, self.created.uid
        may_be_late = (
            world.queue.last_cancel is not None
            and world.elapsed_seconds < world.queue.last_cancel + world.policy.lease_seconds + CALL_SECONDS
        )
        return (
            may_be_late
            or any(task.uid == uid for task in world.queue.tasks.values())
            or any(not it.ended and not self._is_given_up(key) for key, it in world.jobs.running.items())
        )

    def _is_given_up(self, key: tuple[str, int]) -> bool:
        """Return whether the pods of a deleted Job do not go, as those of a lost node: they are given up."""
        elapsed = self.world.elapsed_seconds
        return elapsed - self.going.get(key, elapsed) >= DELETION_SECONDS

    def _check_outputs(self) -> None:
        """Check that outputs that go with their job all go."""
        for key, it in self.world.jobs.running.items():
            if it.deleting_since:
                self.going.setdefault(key, self.world.elapsed_seconds)
        if KEY in self.world.store.jobs:
            self.last = self.world.job()
        elif FINALIZER in self.last.finalizers:
            all_ended = (
                self.last.status.state.final
                and not self.last.status.state.stopped
                and not retry_requested(self.last)
            )
            assert all_ended or not self.is_in_hand()
            # Else a worker that lost its lease may still store something, which is deleted later.
            assert all_ended or not self._outputs()

    def _outputs(self) -> list[str]:
        return [key for key in self.world.objects.data if key.startswith("outputs/")]

    def _check_statuses(self) -> None:
        """Check that what is written is consistent."""
        versions = self.world.store.versions[KEY]
        unchecked, self.versions_checked = versions[self.versions_checked :], len(versions)
        for job in unchecked:
            if self.history and job.status in self.history:
                continue
            check_step(self.history[-1] if self.history else Status(), job.status)
            self.history.append(job.status)

    def finish(self) -> None:
        """Let everything heal; then the job has ended, and all its images have an outcome."""
        world = self.world
        world.faults.away = set()
        world.queue.alive = 1
        for _ in range(10):
            if KEY not in world.store.jobs or not world.job().deleting:
                break
            again = world.reconcile(KEY)
            world.collect_garbage()
            world.advance((again and again.requeue_after_seconds) or 1.0)
            self._check_outputs()
        if KEY not in world.store.jobs:
            self._finish_without_job()
            return
        if world.job().spec.suspend:
            world.store.edit(KEY, suspend=False)
        for it in world.jobs.running.values():
            it.suspended = it.suspended and not it.managed and not it.held
        status = world.settle()
        if retry_requested(world.job()):
            world.reconcile(KEY)
            status = world.settle()
        self._check_statuses()
        assert status.state.final, status
        assert status.is_true(ConditionType.FINISHED)
        world.reconcile(KEY)
        assert world.status().observed_generation == world.job().generation
        counts = status.counts
        assert not retry_requested(world.job())
        if status.state is not State.CANCELLED:
            assert counts.succeeded + counts.failed == counts.total == world.job().spec.total
            self._check_outcomes(status)
        assert len(world.jobs.created) - len(set(world.jobs.created)) <= len(self.history) + self.troubles, (
            "Jobs created over and over"
        )

    def _finish_without_job(self) -> None:
        """Let the operator delete what the job left; one that restarted since does not know of it."""
        again = self.world.reconcile(KEY)
        assert not [task for task in self.world.queue.tasks.values() if self.world.requeues], (
            "tasks of a job that is gone"
        )
        if again and again.requeue_after_seconds:
            self.world.advance(again.requeue_after_seconds)
            self.world.reconcile(KEY)
            assert not self._outputs()

    def _check_outcomes(self, status: Status) -> None:
        """Check that every image has one outcome."""
        world, total = self.world, self.world.job().spec.total
        if status.outcomes:
            found = list(status.outcomes)
        else:
            prefix = s3_keys.job(self.created.uid) + "results/"
            data = b"".join(
                world.objects.data[key] for key in sorted(world.objects.data) if key.startswith(prefix)
            )
            found = list(map(Outcome.from_line, data.splitlines()))
        assert sorted(each.index for each in found) == list(range(total))
        assert sum(each.succeeded for each in found) == status.counts.succeeded


def check_step(before: Status, after: Status) -> None:
    """Compare two statuses that were written one after the other."""
    counts = after.counts
    assert counts.active + counts.succeeded + counts.failed <= counts.total
    assert min(counts.active, counts.succeeded, counts.failed) >= 0
    assert after.attempt >= before.attempt
    if after.attempt == before.attempt:
        assert after.counts.done >= before.counts.done
        if before.state.final:
            assert after.state is before.state
            assert after.counts == before.counts
    assert after.state.final == after.is_true(ConditionType.FINISHED)
    assert not (after.state.final and after.is_true(ConditionType.RECONCILING))
    assert all(isinstance(each, Condition) and each.since for each in after.conditions)
