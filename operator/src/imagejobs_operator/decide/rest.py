"""How long the resync skips a job: while only an event, the time, or what Redis holds can change it (pure).

Without it each round would reconcile every object that the store keeps.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import CallbackState, State
from imagejobs_contract.ports import QueueFacts
from imagejobs_operator.decide.actions import Action, AwaitPods, SendTasks, WithdrawTasks
from imagejobs_operator.decide.deadlines import deadline_of, deletion_time, has_no_deadline
from imagejobs_operator.decide.observed import Observed, Presence
from imagejobs_operator.decide.plan_input import PlanInput, Policy
from imagejobs_operator.decide.runner_choice import waits_in_pool

MAX_RESYNC_SKIP_SECONDS = 3600.0
"""Jobs at which there is nothing to do are reconciled at least this often."""


class Rest(NamedTuple):
    """How long a job rests.

    Attributes:
        until: The resync adds it then; None: in the next round.
        in_pool: Numbers of its tasks and outcomes in Redis, if it rests only while Redis holds just these.
    """

    until: datetime | None
    in_pool: tuple[int, int] | None = None


def plan_rest(job: ImageJob, seen: Observed, todo: Sequence[Action], now: datetime, policy: Policy) -> Rest:
    """Return the rest of a job for which these actions were done."""
    is_withdrawn = any(isinstance(each, WithdrawTasks) for each in todo)
    if waits_in_pool(job, policy) and not is_withdrawn:
        sent = sum(len(each.indexes) for each in todo if isinstance(each, SendTasks))
        in_pool = (len(seen.in_queue) + sent, len(seen.outcomes))
        return Rest(_until_deadline(job, seen, now, policy), in_pool)
    if _awaits_others(seen, todo, now, policy):
        return Rest(_until_deadline(job, seen, now, policy))
    return Rest(until_deletion(job, seen, now, policy))


def presume_waiting(
    job: ImageJob, facts: QueueFacts | None, policy: Policy, *, is_new: bool
) -> Observed | None:
    """Return what is to be seen of a job of which no image has begun; None if that is not known.

    Args:
        facts: What Redis held of it.
        is_new: Whether nothing was known of the job: its status is then believed until Redis is asked.
    """
    if job.status.state is not State.QUEUED or not waits_in_pool(job, policy):
        return None
    waiting = min(job.spec.total, policy.window)
    is_known = (facts.waiting, facts.outcomes) == (waiting, 0) if facts else is_new
    if not is_known or job.status.counts.done:
        return None
    return Observed(in_queue=frozenset(range(waiting)), workers=None)


def until_deletion(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> datetime | None:
    """Return until when the resync may skip a job, because only an event can change it; None: never skip it.

    The store may keep enough finished jobs that reconciling all of them at each resync would take a CPU core.
    """
    ended, status = job.status.completed, job.status
    settled = (
        status.state.final
        and not job.deleting
        and not (status.callback and status.callback.state is CallbackState.PENDING)
    )
    if not settled or ended is None:
        return None
    return _before(deletion_time(job, seen, now), now, policy)


def _awaits_others(seen: Observed, todo: Sequence[Action], now: datetime, policy: Policy) -> bool:
    """Return whether a job has no Job and only waits for pods of other jobs, whose end calls it.

    Not right after the start, when the others may not have been seen yet.
    """
    is_early = (now - policy.since).total_seconds() < policy.resync_seconds
    waits = bool(todo) and all(isinstance(each, AwaitPods) for each in todo)
    return waits and not is_early and seen.child.presence is Presence.ABSENT


def _until_deadline(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> datetime:
    """Return until when the resync may skip an unfinished job that only an event or a deadline can change."""
    given = PlanInput(job, job.status, seen, now, policy)
    return _before(None if has_no_deadline(given) else deadline_of(given), now, policy)


def _before(due: datetime | None, now: datetime, policy: Policy) -> datetime:
    """Return the time of the resync before something is due, which waits for the rest of the time."""
    longest = now + timedelta(seconds=MAX_RESYNC_SKIP_SECONDS)
    return min(longest, due - timedelta(seconds=policy.resync_seconds)) if due else longest
