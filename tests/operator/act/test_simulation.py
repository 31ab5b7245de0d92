"""The real plan and reconcile in a world with lost events, kills, an empty Redis and users who change a job.

Derandomized: each run tries the same cases, so a failure is this change's.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
CODES = st.sampled_from([None, None, None, Code.CORRUPT_IMAGE])


class Simulation(RuleBasedStateMachine):
    """One job's life."""

    @initialize(
        total=st.sampled_from([1, 3, 16, 40]),
        execution=st.sampled_from(Execution),
        queue=st.sampled_from([None, None, "team"]),
        policy=st.sampled_from(DeletionPolicy),
    )
    def create(self, total: int, execution: Execution, queue: str | None, policy: DeletionPolicy) -> None:
        self.world = World(window=7)
        job = spec(
            total,
            execution=execution,
            items_per_pod=5,
            queue_name=None if execution is Execution.POOL else queue,  # together they never begin
            output=Output(deletion_policy=policy),
        )
        self.created = self.world.create(job)
        self.history: list[Status] = []
        self.cancelled = False
        self.events = True  # something has happened that a watch tells, since the last look
        self.looked_at = 0.0
        self.troubles = 0
        self.going: dict[tuple[str, int], float] = {}

    @rule()
    def the_resync_comes(self) -> None:
        """Look at the job if a resync would; if it would not, there is nothing to do for it."""
        memory = self.world.memory
        told = self.world.run(self.world.queue.find_changed(memory.pool_facts()))
        told += memory.pool.record_workers(self.world.queue.alive, self.world.now())
        is_due = memory.is_due(KEY, self.world.now()) or self.timer_is_due() or KEY in told or self.events
        changes = len(self.world.faults.changes)
        self.reconcile()
        assert is_due or len(self.world.faults.changes) == changes, self.world.faults.changes[changes:]

    def timer_is_due(self) -> bool:
        """Return whether the last reconcile wanted another one by now."""
        again = self.world.requeues.get(KEY)
        seconds = again.requeue_after_seconds if again else None
        return seconds is not None and self.world.elapsed_seconds >= self.looked_at + seconds

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.finish()
            finally:
                self.world.close()

    @rule()
    def reconcile(self) -> None:
        changes = len(self.world.faults.changes)
        again = self.world.reconcile(KEY)
        # Here the feed delivers the operator's own writes, and Jobs that it creates.
        self.events = again is None or len(self.world.faults.changes) > changes
        self.looked_at = self.world.elapsed_seconds

    @rule(count=st.integers(0, 8), before=st.booleans())
    def reconcile_and_be_killed(self, count: int, before: bool) -> None:
        self.events = True
        faults = self.world.faults
        at = len(faults.changes) + count
        faults.kill_before, faults.kill_after = (at, None) if before else (None, at)
        self.world.reconcile(KEY)
        faults.kill_before = faults.kill_after = None

    @rule(back=st.integers(1, 5))
    def reconcile_an_old_version(self, back: int) -> None:
        self.events = True
        self.world.store.stale[KEY] = back
        self.world.reconcile(KEY)

    @rule(system=st.sampled_from(["redis", "s3", "store"]))
    def reconcile_while_a_system_is_away(self, system: str) -> None:
        self.events = True
        self.world.faults.away = {system}
        self.world.reconcile(KEY)
        self.world.faults.away = set()

    @rule(seconds=st.sampled_from([0.1, 1, 5, 45]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([-3600, -20, 20, 3600]))
    def calendar_is_set(self, seconds: int) -> None:
        self.world.set_calendar(seconds)

    @rule(code=CODES, count=st.integers(1, 9))
    def workers_work(self, code: Code | None, count: int) -> None:
        for _ in range(count):
            self.world.work(code)

    @rule()
    def redis_is_flushed(self) -> None:
        self.world.flush()

    @rule(alive=st.booleans())
    def workers_come_and_go(self, alive: bool) -> None:
        self.world.queue.alive = int(alive)

    @precondition(lambda self: self.world.jobs.running)
    @rule(data=st.data(), most=st.integers(0, 5), code=CODES)
    def a_pod_works(self, data: st.DataObject, most: int, code: Code | None) -> None:
        self.events = True
        running = [
            (attempt, it)
            for (_, attempt), it in self.world.jobs.running.items()
            if not it.suspended and not it.ended
        ]
        if not running or KEY not in self.world.store.jobs:
            return
        attempt, it = data.draw(st.sampled_from(running))
        shard = data.draw(st.integers(0, it.shards - 1))
        if shard not in it.done | it.failed:
            self.world.shard(shard, attempt, {shard * 5: code} if code else None, most)

    @precondition(lambda self: self.world.jobs.running)
    @rule(
        data=st.data(),
        what=st.sampled_from(["fail index", "fail Job", "deadline", "vanish", "garbage", "suspend"]),
    )
    def the_job_has_trouble(self, data: st.DataObject, what: str) -> None:
        self.events = True
        self.troubles += 1
        key = data.draw(st.sampled_from(sorted(self.world.jobs.running)))
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

    @precondition(lambda self: KEY in self.world.store.jobs)
    @rule(suspend=st.booleans())
    def suspend(self, suspend: bool) -> None:
        self.events = True
        self.world.store.edit(KEY, suspend=suspend)

    @precondition(lambda self: KEY in self.world.store.jobs)
    @rule()
    def retry(self) -> None:
        self.events = True
        self.world.store.edit(KEY, retry_failed=self.world.job().spec.retry_failed + 1)

    @precondition(lambda self: KEY in self.world.store.jobs and len(self.history) > 3)
    @rule()
    def cancel(self) -> None:
        self.events = True
        self.world.store.edit(KEY, cancel=True)
        self.cancelled = True

    @precondition(lambda self: len(self.history) > 5)
    @rule()
    def delete(self) -> None:
        self.events = True
        self.world.store.user_delete(KEY)

    @precondition(lambda self: KEY in self.world.store.jobs and self.world.status().state.stopped)
    @rule()
    def delete_with_outputs(self) -> None:
        self.events = True
        self.world.run(self.world.store.add_finalizer(self.world.job(), FINALIZER))
        self.world.store.user_delete(KEY)

    @precondition(lambda self: self.in_hand())
    @rule()
    def a_worker_stores_a_result_without_an_outcome(self) -> None:
        self.world.objects.keep(f"{OUTPUTS}/late.jpg", b"x")

    def in_hand(self) -> bool:
        """Return whether a worker may have an image of the job, or an upload may be on its way to S3."""
        world, uid = self.world, self.created.uid
        may_be_late = (
            world.queue.last_cancel is not None
            and world.elapsed_seconds < world.queue.last_cancel + world.policy.lease_seconds + CALL_SECONDS
        )
        return (
            may_be_late
            or any(task.uid == uid for task in world.queue.tasks.values())
            or any(not it.ended and not self.is_given_up(key) for key, it in world.jobs.running.items())
        )

    def is_given_up(self, key: tuple[str, int]) -> bool:
        """Return whether the pods of a deleted Job do not go, as those of a lost node: nobody waits longer.

        An operator that restarts knows from the calendar only since when.
        """
        elapsed, deleting = self.world.elapsed_seconds, self.world.jobs.running[key].deleting_since
        by_calendar = (self.world.calendar() - deleting).total_seconds() if deleting else 0.0
        return max(by_calendar, elapsed - self.going.get(key, elapsed)) >= DELETION_SECONDS

    @invariant()
    def outputs_that_go_with_their_job_all_go(self) -> None:
        if not hasattr(self, "world"):
            return
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
            assert all_ended or not self.in_hand()
            assert not [key for key in self.world.objects.data if key.startswith("outputs/")]

    @invariant()
    def what_is_written_is_consistent(self) -> None:
        if not hasattr(self, "world") or KEY not in self.world.store.jobs:
            return
        versions = self.world.store.versions[KEY]
        for job in versions[max(0, len(versions) - 10) :]:
            if not self.history or job.status != self.history[-1]:
                if self.history and job.status in self.history:
                    continue
                check(self.history[-1] if self.history else Status(), job.status)
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
            self.outputs_that_go_with_their_job_all_go()
        if KEY not in world.store.jobs:
            world.reconcile(KEY)
            assert not [task for task in world.queue.tasks.values() if world.requeues], (
                "tasks of a job that is gone"
            )
            return
        if world.job().spec.suspend:
            world.store.edit(KEY, suspend=False)
        for it in world.jobs.running.values():
            it.suspended = it.suspended and not it.managed and not it.held
        status = world.settle()
        if retry_requested(world.job()):
            world.reconcile(KEY)
            status = world.settle()
        self.what_is_written_is_consistent()
        assert status.state.final, status
        assert status.is_true(ConditionType.FINISHED)
        world.reconcile(KEY)
        assert world.status().observed_generation == world.job().generation
        counts = status.counts
        assert not retry_requested(world.job())
        if status.state is not State.CANCELLED:
            assert counts.succeeded + counts.failed == counts.total == world.job().spec.total
            self.every_image_has_one_outcome(status)
        assert len(world.jobs.created) - len(set(world.jobs.created)) <= len(self.history) + self.troubles, (
            "Jobs created over and over"
        )

    def every_image_has_one_outcome(self, status: Status) -> None:
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


def check(before: Status, after: Status) -> None:
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


TestSimulation = Simulation.TestCase
TestSimulation.settings = settings(
    max_examples=120,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
