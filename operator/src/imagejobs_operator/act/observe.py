"""Reads the facts that a decision needs, and no more.

A finished job costs nothing; a pool job costs two or three short calls to Redis, or none. A wake-up carries
the image's outcome. If all outcomes of a small job arrived that way, Redis is not read; after a restart, or
if one was missed, it is.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.decide.deadlines import UNATTENDED_SECONDS
from imagejobs_operator.decide.history import History
from imagejobs_operator.decide.moments import NO_LEAD
from imagejobs_operator.decide.observed import ChildJob, Observed
from imagejobs_operator.decide.plan_input import Policy
from imagejobs_operator.decide.plan_pool import says_no_worker
from imagejobs_operator.decide.runner_choice import Runner, fixed_runner

log = logging.getLogger(__name__)

START_SECONDS = 3.0
"""A job that was created sooner after the start of this operator may have been begun by the one before,
because times of creation are whole seconds and the calendar is known to a second.
"""


async def observe(
    ports: Ports, job: ImageJob, history: History, policy: Policy, now: datetime, lead: timedelta = NO_LEAD
) -> Observed:
    """Return the facts about a job.

    Raises:
        Unavailable: A fact that the decision depends on cannot be read.
    """
    nothing = Observed(history=history, lead=lead)
    if job.deleting and ports.namespaces and await ports.namespaces.is_ending(job.key.namespace):
        return replace(nothing, namespace_ends=True)  # of its Jobs nobody may read anything there now
    if job.deleting:
        # Includes Jobs of which the status says nothing: their attempt was begun, or begun anew, by an
        # operator that was killed then, or that had not seen the job's newest version.
        children = dict(await ports.child_jobs.find_all(job)) if ports.child_jobs else {}
        child = children.pop(current_attempt(job), ChildJob())
        seen = replace(nothing, child=child, other_children=children)
        if FINALIZER not in job.finalizers:
            return seen
        return replace(seen, in_queue=await ports.queue.waiting(job.uid))
    if job.status.state.final and not retry_requested(job):
        return nothing
    runner, attempt = fixed_runner(job, policy), current_attempt(job)
    if runner is Runner.POOL:
        return await _observe_pool_job(ports, job, replace(nothing, workers=None), policy, now)
    if runner is Runner.JOB:
        child = await _get_child(ports, job, attempt)
        return replace(nothing, child=child, counts=await _get_counts(ports, job))
    if runner is Runner.NOBODY:
        return nothing
    if history.sent_attempt == attempt:
        return await _observe_pool_job(ports, job, replace(nothing, workers=None), policy, now)
    if _is_new(job, nothing, policy, START_SECONDS):  # then there is no Job of it either
        return replace(nothing, workers=await ports.queue.workers())
    seen = replace(nothing, child=await _get_child(ports, job, attempt))
    return await _read_pool(ports, job, seen, count_workers=True)


async def _observe_pool_job(
    ports: Ports, job: ImageJob, nothing: Observed, policy: Policy, now: datetime
) -> Observed:
    history = nothing.history
    if _is_new(job, nothing, policy):
        return nothing
    if history.knows_all_outcomes(job.spec.total, current_attempt(job)):
        return replace(nothing, outcomes=history.reported)
    return await _read_pool(ports, job, nothing, count_workers=_may_be_unattended(job, history, now))


async def _read_pool(ports: Ports, job: ImageJob, seen: Observed, *, count_workers: bool) -> Observed:
    # In this order: an image that ends between the two reads is then seen as ended, never as lost.
    waiting = await ports.queue.waiting(job.uid)
    if not count_workers:
        return replace(seen, in_queue=waiting, outcomes=await ports.board.outcomes(job.uid))
    outcomes, workers = await asyncio.gather(ports.board.outcomes(job.uid), ports.queue.workers())
    return replace(seen, in_queue=waiting, outcomes=outcomes, workers=workers)


def _is_new(job: ImageJob, seen: Observed, policy: Policy, seconds: float = 0.0) -> bool:
    """Return whether Redis cannot know a job: it is new, and was created after this operator started.

    Args:
        job: Perhaps a new one.
        seen: What is known of it.
        policy: Says when this operator started.
        seconds: How long after the start of the operator.

    If another operator runs and has sent the tasks, sending them again changes nothing, or lets a worker find
    the result that is there.
    """
    if not seen.history.is_new or job.status.attempt or job.created is None:
        return False
    return job.created - seen.lead >= policy.since + timedelta(seconds=seconds)


def _may_be_unattended(job: ImageJob, history: History, now: datetime) -> bool:
    """Return whether it matters if the pool has workers; for a job that must use the pool, not at first."""
    waits_since = history.first_seen
    return (
        says_no_worker(job.status)
        or waits_since is None
        or now - waits_since >= timedelta(seconds=UNATTENDED_SECONDS)
    )


async def _get_child(ports: Ports, job: ImageJob, attempt: int) -> ChildJob:
    return await ports.child_jobs.get(job, attempt) if ports.child_jobs and attempt else ChildJob()


async def _get_counts(ports: Ports, job: ImageJob) -> Counts | None:
    """Return live counts, or None if Redis does not answer: a Job continues without it."""
    try:
        return await ports.board.counts(job.uid)
    except Unavailable as ex:
        log.warning("the board does not answer", extra={"reason": ex.message})
        return None
