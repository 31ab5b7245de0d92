"""Reconciles one job: fetch, observe, plan, collect, apply, requeue. The only place that knows this order.

It may be stopped between any two actions; the next reconcile starts from the facts that it observes then.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.errors import (
    Conflict,
    ImageJobsError,
    NotFound,
    Unavailable,
)
from imagejobs_contract.model import limits
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.names import FINALIZER, JobKey
from imagejobs_contract.model.status import ConditionType, State, Status
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.traces import NOOP_SPAN, NOOP_TRACER, Span, Tracer
from imagejobs_contract.wire.origin import Origin, log_facts
from imagejobs_operator.act import result_files
from imagejobs_operator.act.apply import apply
from imagejobs_operator.act.cleanup import Cleanup
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.observe import observe
from imagejobs_operator.act.pod_ledger import PodLedger
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.act.work_queue import Result
from imagejobs_operator.decide import (
    actions,
    conditions,
    late_writes,
    moments,
    rest,
    stalls,
    status_writes,
)
from imagejobs_operator.decide.actions import Action, Emit
from imagejobs_operator.decide.observed import Observed, Results
from imagejobs_operator.decide.plan import plan
from imagejobs_operator.decide.plan_input import Policy

log = logging.getLogger(__name__)

CONFLICT_RETRY_SECONDS = 0.1
"""Wait after a conflict: another program wrote the job. Twelve conflicts in a row cost about one second."""
LARGE_JOB_ITEMS = limits.MAX_POOL_ITEMS + 1
"""Number of images from which a job is large: its reconciles are throttled."""
LARGE_JOB_INTERVAL_SECONDS = 0.2
"""Minimum seconds between two reconciles of a large job."""
MAX_RECONCILE_SECONDS = 240.0
"""Longest reconcile; the copy of a manifest of a million lines takes some tens of seconds."""


class Reconciler:
    """Brings jobs to the state that their specs ask for, one reconcile at a time.

    The work queue calls `reconcile` with the keys that the feeds add. It reads through the ports, asks `plan`
    for actions and applies them. One Reconciler lives as long as the program. It may reconcile different keys
    at the same time, but each key only once at a time.

    Args:
        clock: Only counts: what is measured is measured with it.
        calendar: Shows the time that is written down; the clock by default.
        sees_own_writes: Whether the feed delivers our own writes, so that a write leads to the next
            reconcile. Where it does not, the next plan is made right after a write, and the job is requeued
            only if that plan has actions.
        count_write: Is told of each status that was written, with the job as it was before.
    """

    def __init__(
        self,
        ports: Ports,
        policy: Policy,
        clock: Clock,
        memory: Memory | None = None,
        traces: Tracer = NOOP_TRACER,
        pods: PodLedger | None = None,
        *,
        calendar: Clock | None = None,
        sees_own_writes: bool = True,
        count_write: Callable[[ImageJob, Status], None] = lambda _job, _status: None,
    ) -> None:
        self._sees_own_writes = sees_own_writes
        self._count_write = count_write
        self._ports = ports
        self._traces = traces
        self._policy = policy
        self._clock = clock
        self._calendar = calendar or clock
        self._memory = Memory() if memory is None else memory
        self._pods = PodLedger(limits.Limits().max_owner_pods) if pods is None else pods
        self._cleanup = Cleanup(ports, clock)

    def believe_claims(self, believed: bool) -> None:
        """Decide from now on whether what only the API may say of a job is believed."""
        self._policy = replace(self._policy, believes_claims=believed)

    async def reconcile(self, key: JobKey) -> Result:
        """Reconcile a job; return when to reconcile it again.

        Raises:
            ImageJobsError: An outside system failed; try again later.
            TimeoutError: It took more than `MAX_RECONCILE_SECONDS`.
        """
        try:
            with logs.bound(job_id=key.name, namespace=key.namespace):
                async with asyncio.timeout(MAX_RECONCILE_SECONDS):
                    return await self._fetch_and_reconcile(key)
        except Conflict:
            return Result(CONFLICT_RETRY_SECONDS)

    def is_settled(self, job: ImageJob) -> bool:
        """Record a job that a watch delivered, and return whether there is nothing to do for it.

        That can be an ended job; one of another class; or one that waits for the pool, as far as its status
        tells: the next round of the pool asks Redis. The resync adds it when it is due.
        """
        known = self._memory.uid(job.key)
        if not self._policy.runs(job):
            if known is not None:
                return False  # one of ours had its name
            self._memory.record_foreign(job.key)
            return True
        if job.deleting or self._pods.knows(job.key):
            return False
        if known not in (None, job.uid):
            return False  # another job had its name, whose leftovers are to be deleted
        job = self._policy.confine(job)
        if job.status.state.final:
            return not retry_requested(job) and self._is_rest(job, Observed())
        facts = self._memory.pool_facts_of(job.key)
        seen = rest.presume_waiting(job, facts, self._policy, is_new=known is None)
        return seen is not None and self._is_rest(job, seen)

    def _is_rest(self, job: ImageJob, seen: Observed) -> bool:
        """Record a job, and return whether nothing is to be done for it as it is seen; then let it rest."""
        now, lead = self._times()
        self._memory.record_job(job, now, lead)
        seen = replace(seen, history=self._memory.history(job.key), lead=lead)
        if self._plan(job, seen):
            return False
        self._let_rest(job, seen, ())
        return True

    def _let_rest(self, job: ImageJob, seen: Observed, todo: Sequence[Action]) -> None:
        """Let the resync skip a job."""
        until, in_pool = rest.plan_rest(job, seen, todo, self._clock(), self._policy)
        if in_pool:
            self._memory.record_pool_facts(job.key, *in_pool)
        else:
            self._memory.forget_pool_facts(job.key)
        self._memory.skip_resync_until(job.key, until)

    async def _fetch_and_reconcile(self, key: JobKey) -> Result:
        try:
            job = await self._ports.store.get(key)
        except NotFound:
            return await self._forget(key)
        except UnreadableJob as ex:
            if not self._policy.runs(ex.job):
                return await self._leave(key)
            job = self._policy.believed(ex.job)
            await self._record(job)
            return await (self._reconcile(job) if job.deleting else self._refuse(job, ex))
        if not self._policy.runs(job):
            return await self._leave(key)
        job = self._policy.believed(job)
        logs.bind(**log_facts(job))
        await self._record(job)
        return await self._reconcile(job)

    async def _record(self, job: ImageJob) -> None:
        """Record a job, and delete what another one left that had its name."""
        self._cleanup.add_leftovers(self._memory.record_job(job, *self._times()))
        with suppress(Unavailable):  # tried again at the next look
            await self._cleanup.delete_leftovers(job.key)

    async def _forget(self, key: JobKey) -> Result:
        """Delete what a job left that is gone; return when its late outputs are to be deleted."""
        self._pods.forget(key)
        self._cleanup.add_leftovers(self._memory.forget(key))
        await self._cleanup.delete_leftovers(key)
        return Result(await self._cleanup.delete_late_outputs(key))

    async def _leave(self, key: JobKey) -> Result:
        """Leave a job to the operator of its class; one of ours that had its name is gone."""
        result = await self._forget(key)
        self._memory.record_foreign(key)
        return result

    async def _reconcile(self, job: ImageJob) -> Result:
        job = self._policy.confine(job)
        history, times = self._memory.history(job.key), self._times()
        seen = await observe(self._ports, job, history, self._policy, *times)
        self._memory.record_children(job.key, seen, *times)
        if seen.workers == 0:
            seen = replace(seen, speaks=self._memory.pool.speaks(job.key))
        learnt = self._memory.history(job.key).moments
        seen = replace(seen, history=replace(seen.history, moments=learnt))
        seen, todo = self._share_and_plan(job, seen)
        while question := _question_in(todo):
            with self._span_for(job, todo):
                seen = replace(seen, results=await self._collect(job, seen, question))
            seen, todo = self._share_and_plan(job, seen)
        with self._span_for(job, todo):
            written = await self._apply_all(job, seen, todo)
        if self._ports.usage and (written or job).status.state.final:
            self._ports.usage.note(written or job)
        seen = replace(seen, history=self._memory.history(job.key))
        self._let_rest(self._policy.confine(written) if written else job, seen, todo)
        if any(isinstance(each, actions.RemoveFinalizer) for each in todo) or seen.namespace_ends:
            return self._await_late_outputs(job, seen)
        if written is not None and not self._sees_own_writes:
            todo = self._plan_after_write(written, seen)
        return Result(_requeue_seconds(todo), LARGE_JOB_INTERVAL_SECONDS if _is_busy(job) else 0.0)

    def _share_and_plan(self, job: ImageJob, seen: Observed) -> tuple[Observed, tuple[Action, ...]]:
        """Plan with the job's share of its owner's pods, and enter the plan.

        No other job is planned meanwhile: there is no await in between.
        """
        seen = replace(seen, pods=self._pods.observe(job, seen.child))
        todo = self._plan(job, seen)
        self._pods.record(job, todo)
        return seen, todo

    def _times(self) -> tuple[datetime, timedelta]:
        """Return the time that only counts, and how far the calendar is ahead of it."""
        now = self._clock()
        return now, self._calendar() - now

    def _plan(self, job: ImageJob, seen: Observed) -> tuple[Action, ...]:
        return plan(job, seen, self._clock(), self._policy)

    def _plan_after_write(self, job: ImageJob, seen: Observed) -> tuple[Action, ...]:
        """Return the requeues that the job needs after a write: at once if there is more to do."""
        todo = self._plan(job, seen)
        return todo if all(isinstance(each, actions.Wait) for each in todo) else (actions.Requeue(0.0),)

    def _span_for(self, job: ImageJob, todo: tuple[Action, ...]) -> AbstractContextManager[Span]:
        """Return a span for a reconcile that does something; the idle ones, every few seconds, would hide it.

        The span belongs to the trace that the job names.
        """
        names = [type(each).__name__ for each in todo if not isinstance(each, actions.Wait)]
        if not names:
            return nullcontext(NOOP_SPAN)
        facts = {
            "imagejobs.job_id": job.key.name,
            "imagejobs.state": job.status.state.value,
            "imagejobs.actions": " ".join(names),
        }
        return self._traces.span("reconcile", facts, parent=Origin.of(job).traceparent or None)

    async def _collect(self, job: ImageJob, seen: Observed, action: actions.CollectResults) -> Results:
        # The lines of an ended Job do not change: what was read of them is not read again.
        before = self._memory.take_partial_results(job.key, job.uid)
        try:
            return await result_files.collect(self._ports.objects, job, action.attempt, before)
        except result_files.PartlyRead as ex:
            if seen.child.ended:
                self._memory.record_partial_results(job.key, job.uid, ex.partial)
            if isinstance(ex.__cause__, ImageJobsError):
                await self._write_stalled(job, seen, action, ex.__cause__)
            raise ex.__cause__ or ex from None
        except ImageJobsError as ex:
            await self._write_stalled(job, seen, action, ex)
            raise

    async def _apply_all(self, job: ImageJob, seen: Observed, todo: Sequence[Action]) -> ImageJob | None:
        """Apply the port actions in order; return the job if its status was written."""
        written = None
        for action in todo:
            if not isinstance(action, actions.LoopAction):
                written = await self._apply(job, seen, action) or written
        return written

    async def _apply(self, job: ImageJob, seen: Observed, action: actions.PortAction) -> ImageJob | None:
        try:
            with self._traces.span(type(action).__name__):
                written = await apply(self._ports, job, action)
        except Conflict:
            raise
        except ImageJobsError as ex:
            if isinstance(action, actions.CAN_BE_MISSED):
                log.warning("skipped", extra={"action": type(action).__name__, "reason": ex.message})
                return None
            await self._write_stalled(job, seen, action, ex)
            raise
        self._remember(job, seen, action)
        return written

    def _remember(self, job: ImageJob, seen: Observed, action: Action) -> None:
        if isinstance(action, actions.SendTasks):
            self._memory.record_sent(job.key, action.attempt)
        elif isinstance(action, actions.WriteStatus):
            self._count_write(job, action.status)
            self._memory.record_write(job.key, action.status, *self._times())
        elif isinstance(action, actions.Announce):
            self._memory.record_announcement(job.key, action.change.counts, self._clock())
        elif isinstance(action, actions.WithdrawTasks) and late_writes.may_follow_withdrawal(job, seen):
            self._memory.record_cancelled_tasks(job.key, self._clock())
        elif isinstance(action, actions.DeleteImageJob) or (
            isinstance(action, actions.RemoveFinalizer) and job.deleting
        ):
            self._memory.forget(job.key)

    async def _write_stalled(self, job: ImageJob, seen: Observed, action: Action, ex: ImageJobsError) -> None:
        """Write that the job is stalled, if the failure means that and the status does not say so."""
        status = stalls.find_status(job, seen, action, ex, self._clock(), self._policy)
        if status is None or status == job.status or job.deleting or job.status.state.final:
            return
        await self._ports.store.put_status(job, status)
        self._memory.record_write(job.key, status, *self._times())
        stalled = status.condition(ConditionType.STALLED)
        if stalled and not job.status.is_true(ConditionType.STALLED):
            await self._apply(job, seen, Emit(stalled.reason, stalled.message, warning=True))

    async def _refuse(self, job: ImageJob, ex: UnreadableJob) -> Result:
        """Write that the spec cannot be read, unless the status says so."""
        stamp = moments.stamp(job, *self._times())
        status = conditions.refused_status(job, stamp, ex.message)
        if status != job.status:
            try:
                await self._ports.store.put_status(job, status)
            except UnreadableJob:  # the answer to a write is the job, which still cannot be read
                log.info("spec refused", extra={"reason": ex.message})
            for event in status_writes.list_news(job, status):
                await self._apply(job, Observed(), event)
        return Result()

    def _await_late_outputs(self, job: ImageJob, seen: Observed) -> Result:
        """Return when the outputs are deleted again that workers stored after the job was let go of."""
        seconds = late_writes.seconds_to_sweep(job, seen, self._clock(), self._policy)
        if FINALIZER not in job.finalizers or seconds <= 0:
            return Result()
        self._cleanup.add_late_outputs(job, seconds)
        return Result(seconds)


def _question_in(todo: Sequence[Action]) -> actions.CollectResults | None:
    return next((each for each in todo if isinstance(each, actions.CollectResults)), None)


def _requeue_seconds(todo: Sequence[Action]) -> float | None:
    return min((each.after_seconds for each in todo if isinstance(each, actions.Requeue)), default=None)


def _is_busy(job: ImageJob) -> bool:
    return job.spec.total >= LARGE_JOB_ITEMS and job.status.state in (State.QUEUED, State.RUNNING)
