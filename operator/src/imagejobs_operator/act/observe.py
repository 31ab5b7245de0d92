"""Reads what a decision needs, and no more: an ended job costs nothing here, a pool job two or three short questions to Redis, or none.

What a worker told with its wake-up is what the board held at that moment, so a small job whose images were
all told of needs no question; whoever missed a word, as after a restart, asks.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_operator.act.ports import Parts
from imagejobs_operator.decide import attempts
from imagejobs_operator.decide.attempts import Runner
from imagejobs_operator.decide.observed import Child, Observed, Past, Rules
from imagejobs_operator.decide.plan_pool import UNATTENDED_SECONDS

log = logging.getLogger(__name__)


async def observe(parts: Parts, job: ImageJob, past: Past, rules: Rules, now: datetime) -> Observed:
    """Return what is to be known of a job.

    Raises:
        Unavailable: What the decision rests on cannot be read.
    """
    if job.deleting:
        # Also the Job of an attempt that was begun and not written.
        return Observed(child=await _child(parts, job, current_attempt(job)), past=past)
    if job.status.state.final and not retry_requested(job):
        return Observed(past=past)
    runner, attempt = attempts.fixed_runner(job, rules), current_attempt(job)
    if runner is Runner.POOL and _is_new(job, past, rules):
        return Observed(workers=None, past=past)
    if runner is Runner.POOL and past.knows_end_of(job.spec.total, attempt):
        return Observed(outcomes=past.ends, workers=None, past=past)
    if runner is Runner.POOL:
        return await _pool(parts, job, Observed(workers=None, past=past), crew=_may_be_alone(past, now))
    if runner is Runner.JOB:
        return Observed(child=await _child(parts, job, attempt), counts=await _counts(parts, job), past=past)
    if runner is Runner.NOBODY:
        return Observed(past=past)
    return await _pool(parts, job, Observed(child=await _child(parts, job, attempt), past=past))


async def _pool(parts: Parts, job: ImageJob, seen: Observed, *, crew: bool = True) -> Observed:
    """Return what is known of images in the pool.

    Args:
        crew: Whether to ask for workers, too.
    """
    # In this order: an image that ends between the two reads is then seen as ended, never as lost.
    waiting = await parts.queue.waiting(job.uid)
    if not crew:
        return replace(seen, waiting=waiting, outcomes=await parts.board.outcomes(job.uid))
    outcomes, workers = await asyncio.gather(parts.board.outcomes(job.uid), parts.queue.workers())
    return replace(seen, waiting=waiting, outcomes=outcomes, workers=workers)


def _is_new(job: ImageJob, past: Past, rules: Rules) -> bool:
    """Tell whether nothing can be known of a job's images: this is the first look at it, and it was made while this operator ran.

    If another operator runs as well, and sent them, to send them again changes nothing, or lets an image find
    its result.
    """
    return past.is_new and not job.status.attempt and job.created is not None and job.created >= rules.since


def _may_be_alone(past: Past, now: datetime) -> bool:
    """Tell whether it matters that no worker shows itself; of a job that is settled on the pool it does not at first."""
    return past.met is None or now - past.met >= timedelta(seconds=UNATTENDED_SECONDS)


async def _child(parts: Parts, job: ImageJob, attempt: int) -> Child:
    return await parts.jobs.look(job, attempt) if parts.jobs and attempt else Child()


async def _counts(parts: Parts, job: ImageJob) -> Counts | None:
    """Return live counts; without Redis a Job goes on all the same."""
    try:
        return await parts.board.counts(job.uid)
    except Unavailable as ex:
        log.warning("the board does not answer", extra={"reason": ex.message})
        return None
