"""One look at one job: fetch, observe, plan, act. The only place that knows this order.

It may be stopped between any two actions; the next look goes on from what is there then.
"""

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from imagejobs_contract.errors import (
    Conflict,
    ImageJobsError,
    Invalid,
    Misconfigured,
    NotFound,
    TooLarge,
    Unavailable,
)
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.status import Reason, State, Status
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.traces import NOOP_SPAN, NOOP_TRACER, Span, Tracer
from imagejobs_contract.wire.origin import Origin, log_facts
from imagejobs_operator.act import result_files
from imagejobs_operator.act.apply import apply, delete_leftovers
from imagejobs_operator.act.memory import Leftovers, Memory
from imagejobs_operator.act.observe import observe
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.act.work_queue import Result
from imagejobs_operator.decide import actions, attempts, conditions, deadlines
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.observed import Observed, PlanInput, Policy, Results
from imagejobs_operator.decide.plan import plan

log = logging.getLogger(__name__)

CONFLICT_RETRY_SECONDS = 0.1
"""Somebody else wrote the job: twelve times in a row cost little more than a second."""
LARGE_JOB_INTERVAL_SECONDS = 0.2
"""A large job is looked at so often at most, however many of its images end."""
RESTS_FROM = 17
"""Images from which a job rests between looks."""
MAX_RECONCILE_SECONDS = 240.0
"""Longest look; the copy of a manifest of a million lines takes some tens of seconds."""


class Reconciler:
    """Brings jobs to where their specs want them, one look at a time.

    Different keys may be looked at concurrently, one key not.

    Args:
        echoes: Whether our own writes bring a job back for another look. Where they do not, what is to be
            done after a write is asked at once, and only if there is anything the job comes again.
    """

    def __init__(
        self,
        ports: Ports,
        policy: Policy,
        clock: Clock,
        memory: Memory | None = None,
        traces: Tracer = NOOP_TRACER,
        *,
        sees_own_writes: bool = True,
    ) -> None:
        self._echoes = sees_own_writes
        self._ports = ports
        self._traces = traces
        self._policy = policy
        self._clock = clock
        self._memory = Memory() if memory is None else memory

    async def __call__(self, key: JobKey) -> Result:
        """Look at a job and do what is to be done; return when to look again.

        Raises:
            ImageJobsError: An outside system failed; try again later.
        """
        try:
            with logs.bound(job_id=key.name, namespace=key.namespace):
                async with asyncio.timeout(MAX_RECONCILE_SECONDS):
                    return await self._look(key)
        except Conflict:
            return Result(CONFLICT_RETRY_SECONDS)

    async def _look(self, key: JobKey) -> Result:
        try:
            job = await self._ports.store.get(key)
        except NotFound:
            await self._delete_leftovers(self._memory.forget(key))
            return Result()
        except UnreadableJob as ex:
            return await self._refuse(ex)
        logs.bind(**log_facts(job))
        now = self._clock()
        await self._delete_leftovers(self._memory.record_job(job, now))
        seen = await observe(self._ports, job, self._memory.history(key), self._policy, now)
        return await self._carry_out(job, seen)

    async def _carry_out(self, job: ImageJob, seen: Observed) -> Result:
        todo = plan(job, seen, self._clock(), self._policy)
        with self._span_for(job, todo):
            return await self._apply(job, seen, todo)

    def _span_for(self, job: ImageJob, todo: tuple[Action, ...]) -> AbstractContextManager[Span]:
        """Tell of a look that does something: the others, one each few seconds, would hide it.

        Only jobs that say whose trace they are in.
        """
        names = [type(each).__name__ for each in todo if not isinstance(each, actions.Requeue)]
        facts = {
            "imagejobs.job_id": job.key.name,
            "imagejobs.state": job.status.state.value,
            "imagejobs.actions": " ".join(names),
        }
        return (
            self._traces.span("reconcile", facts, parent=Origin.of(job).traceparent or None)
            if names
            else nullcontext(NOOP_SPAN)
        )

    async def _apply(self, job: ImageJob, seen: Observed, todo: tuple[Action, ...]) -> Result:
        written = None
        for action in todo:
            if isinstance(action, actions.CollectResults):
                read = await self._collected(job, seen, action)
                return await self._carry_out(job, replace(seen, results=read))
            written = await self._do(job, seen, action) or written
        self._memory.skip_resync_until(
            job.key, deadlines.skip_resync_until(written or job, self._clock(), self._policy)
        )
        if written is not None and not self._echoes:
            todo = self._rest(written, seen)
        after = min((each.after_seconds for each in todo if isinstance(each, actions.Requeue)), default=None)
        busy = job.spec.total >= RESTS_FROM and job.status.state in (State.QUEUED, State.RUNNING)
        return Result(after, LARGE_JOB_INTERVAL_SECONDS if busy else 0.0)

    def _rest(self, job: ImageJob, seen: Observed) -> tuple[Action, ...]:
        """Return when to look again after a write: at once if there is more to do."""
        todo = plan(job, replace(seen, history=self._memory.history(job.key)), self._clock(), self._policy)
        return todo if all(isinstance(each, actions.Requeue) for each in todo) else (actions.Requeue(0.0),)

    async def _collected(self, job: ImageJob, seen: Observed, action: actions.CollectResults) -> Results:
        try:
            return await result_files.collect(self._ports.objects, job, action.attempt)
        except ImageJobsError as ex:
            await self._write_stalled(job, seen, action, ex)
            raise

    async def _do(self, job: ImageJob, seen: Observed, action: Action) -> ImageJob | None:
        """Carry out an action; return the job if it was written."""
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
        self._remember(job, action)
        return written

    def _remember(self, job: ImageJob, action: Action) -> None:
        if isinstance(action, actions.WriteStatus):
            self._memory.record_write(job.key, action.status, self._clock())
        elif isinstance(action, actions.Announce):
            self._memory.record_announcement(job.key, action.change.counts, self._clock())
        elif isinstance(action, actions.WithdrawTasks) and job.deleting:
            self._memory.record_cancelled_tasks(job.key, self._clock())
        elif isinstance(action, actions.DeleteImageJob) or (
            isinstance(action, actions.RemoveFinalizer) and job.deleting
        ):
            self._memory.forget(job.key)

    async def _write_stalled(self, job: ImageJob, seen: Observed, action: Action, ex: ImageJobsError) -> None:
        """Write that the job is stalled, if that is what the failure means and it is not written yet."""
        status = self._stalled(job, seen, action, ex)
        if status is None or status == job.status or job.deleting or job.status.state.final:
            return
        await self._ports.store.put_status(job, status)
        self._memory.record_write(job.key, status, self._clock())

    def _stalled(self, job: ImageJob, seen: Observed, action: Action, ex: ImageJobsError) -> Status | None:
        now = self._clock()
        given = PlanInput(job, attempts.starting_status(job, now), seen, now, self._policy)
        before = given.status if job.status.conditions else conditions.pending_status(given)
        if isinstance(ex, Invalid) and isinstance(action, actions.PrepareShards):
            return conditions.refused_status(replace(job, status=before), now, ex.message)
        if isinstance(action, actions.USES_STORAGE):
            return conditions.stalled_status(
                given, before, Reason.STORAGE_UNAVAILABLE, describe_storage_error(ex)
            )
        if isinstance(action, actions.CreateJob) and isinstance(ex, Misconfigured | Invalid):
            return conditions.stalled_status(given, before, Reason.BACKEND_REFUSED, ex.message)
        return None

    async def _refuse(self, ex: UnreadableJob) -> Result:
        job, now = ex.job, self._clock()
        await self._delete_leftovers(self._memory.record_job(job, now))
        if job.deleting:
            return await self._carry_out(
                job, await observe(self._ports, job, self._memory.history(job.key), self._policy, now)
            )
        status = conditions.refused_status(job, now, ex.message)
        if status != job.status:
            try:
                await self._ports.store.put_status(job, status)
            except UnreadableJob:
                log.info("spec refused", extra={"reason": ex.message})
        return Result()

    async def _delete_leftovers(self, remains: Leftovers | None) -> None:
        if remains is None:
            return
        try:
            await delete_leftovers(self._ports, remains)
        except ImageJobsError as ex:
            log.warning("leftovers stay", extra={"job_id": remains.key.name, "reason": ex.message})


def describe_storage_error(ex: ImageJobsError) -> str:
    """Return what is wrong with S3, in words that do not change from try to try."""
    if isinstance(ex, Unavailable):
        return "the storage does not answer"
    if isinstance(ex, Misconfigured):
        return "the storage does not take our credentials or settings"
    return ex.message if isinstance(ex, NotFound | TooLarge) else "the storage failed"
