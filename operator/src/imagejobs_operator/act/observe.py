"""Reads what a decision needs, and no more: an ended job costs nothing here, a pool job two or three short questions to Redis, or none.

What a worker told with its wake-up is what the board held at that moment, so a small job whose images were
all told of needs no question; whoever missed a word, as after a restart, asks.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.decide import attempts
from imagejobs_operator.decide.attempts import Runner
from imagejobs_operator.decide.observed import ChildJob, History, Observed, Policy
from imagejobs_operator.decide.plan_pool import UNATTENDED_SECONDS

log = logging.getLogger(__name__)


async def observe(ports: Ports, job: ImageJob, history: History, policy: Policy, now: datetime) -> Observed:
    """Return what is to be known of a job.

    Raises:
        Unavailable: What the decision rests on cannot be read.
    """
    if job.deleting:
        # Also the Job of an attempt that was begun and not written.
        return Observed(child=await _child(ports, job, attempts.current_attempt(job)), history=history)
    if job.status.state.final and not attempts.reopens(job):
        return Observed(history=history)
    runner, attempt = attempts.fixed_runner(job, policy), attempts.current_attempt(job)
    if runner is Runner.POOL and _is_new(job, history, policy):
        return Observed(workers=None, history=history)
    if runner is Runner.POOL and history.knows_all_outcomes(job.spec.total, attempt):
        return Observed(outcomes=history.reported, workers=None, history=history)
    if runner is Runner.POOL:
        return await _pool(
            ports, job, Observed(workers=None, history=history), crew=_may_be_alone(history, now)
        )
    if runner is Runner.JOB:
        return Observed(
            child=await _child(ports, job, attempt), counts=await _counts(ports, job), history=history
        )
    if runner is Runner.NOBODY:
        return Observed(history=history)
    return await _pool(ports, job, Observed(child=await _child(ports, job, attempt), history=history))


async def _pool(ports: Ports, job: ImageJob, seen: Observed, *, crew: bool = True) -> Observed:
    """Return what is known of images in the pool.

    Args:
        crew: Whether to ask for workers, too.
    """
    # In this order: an image that ends between the two reads is then seen as ended, never as lost.
    waiting = await ports.queue.waiting(job.uid)
    if not crew:
        return replace(seen, waiting=waiting, outcomes=await ports.board.outcomes(job.uid))
    outcomes, workers = await asyncio.gather(ports.board.outcomes(job.uid), ports.queue.workers())
    return replace(seen, waiting=waiting, outcomes=outcomes, workers=workers)


def _is_new(job: ImageJob, history: History, policy: Policy) -> bool:
    """Tell whether nothing can be known of a job's images: this is the first look at it, and it was made while this operator ran.

    If another operator runs as well, and sent them, to send them again changes nothing, or lets an image find
    its result.
    """
    return (
        history.is_new and not job.status.attempt and job.created is not None and job.created >= policy.since
    )


def _may_be_alone(history: History, now: datetime) -> bool:
    """Tell whether it matters that no worker shows itself; of a job that is settled on the pool it does not at first."""
    return history.first_seen is None or now - history.first_seen >= timedelta(seconds=UNATTENDED_SECONDS)


async def _child(ports: Ports, job: ImageJob, attempt: int) -> ChildJob:
    return await ports.child_jobs.get(job, attempt) if ports.child_jobs and attempt else ChildJob()


async def _counts(ports: Ports, job: ImageJob) -> Counts | None:
    """Return live counts; without Redis a Job goes on all the same."""
    try:
        return await ports.board.counts(job.uid)
    except Unavailable as ex:
        log.warning("the board does not answer", extra={"reason": ex.message})
        return None
