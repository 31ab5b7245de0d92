"""When the callback of a job that ended is sent, sent again, and given up (pure).

What was sent is known by the answer that this process remembers, and recorded in the status. A process that
is killed between the two sends the same message again under the same id: at least once, never twice under two
names.
"""

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.model.status import Callback, CallbackState, ConditionType, Reason, Status
from imagejobs_contract.runtime import backoff
from imagejobs_operator.callbacks import payload
from imagejobs_operator.callbacks.payload import Answer, End
from imagejobs_operator.decide import actions, conditions
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.observed import Case

GIVE_UP_SECONDS = 86_400.0
"""What is not delivered after a day is given up."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 3600.0
"""Wait after the first failure, doubled with each further one: 34 tries or so in a day."""
LONGEST_ASKED_SECONDS = 4 * 3600.0
"""How long a receiver may ask to be left alone (`Retry-After`): there are several tries in the day all the
same.
"""
JITTER = 0.25
"""Share by which a wait is shorter or longer, so that jobs that ended together do not come back together."""
ENDS = {
    End.DELIVERED: Reason.CALLBACK_DELIVERED,
    End.REFUSED: Reason.CALLBACK_REFUSED,
    End.GONE: Reason.CALLBACK_GONE,
}
"""Answers after which nothing is sent any more."""


def waits(status: Status) -> bool:
    """Tell whether a callback is still to be delivered: its job is not forgotten before."""
    return status.callback is not None and status.callback.state is CallbackState.PENDING


def news(case: Case, status: Status) -> Status:
    """Return the status of an ended job with what is new of its callback: it was asked for again, answered, or is too late."""
    spec, it = case.job.spec, status.callback
    if spec.callback_url is None:
        return status
    if spec.repeat_callback > (it.repeats if it else 0):
        return conditions.callback_due(case, status, it.attempt if it else status.attempt)
    if it is None or it.state is not CallbackState.PENDING:
        return status
    answer = case.seen.past.answer
    if answer and answer.ticket == payload.ticket(case.job, it):
        return _answered(case, status, it, answer)
    if not case.rules.callbacks and case.now >= _last(it, case.now):
        return conditions.callback_ended(
            case, status, _given_up(it), Reason.CALLBACK_UNSIGNED, conditions.UNSIGNED
        )
    return status


def send(case: Case) -> tuple[Action, ...]:
    """Return what delivers a pending callback, now or when it is due; the resync sees to what is due late."""
    it = case.job.status.callback
    if it is None or it.state is not CallbackState.PENDING or not case.rules.callbacks:
        return ()
    left = (it.next - case.now).total_seconds() if it.next else 0.0
    if left <= 0:
        return (actions.Deliver(payload.ticket(case.job, it)),)
    return (actions.Requeue(left),) if left <= case.rules.soon_seconds else ()


def tell(before: Status, after: Status) -> tuple[Action, ...]:
    """Return the event of a callback that fails: of its first failure, and of its end."""
    condition = after.condition(ConditionType.CALLBACK_DELIVERED)
    if condition is None or condition.status or after.callback == before.callback or after.callback is None:
        return ()
    first = after.callback.state is CallbackState.PENDING and after.callback.tries == 1
    worth = first or after.callback.state is CallbackState.GAVE_UP
    return (actions.Emit(condition.reason, condition.message, warning=True),) if worth else ()


def _answered(case: Case, status: Status, it: Callback, answer: Answer) -> Status:
    it, reply = replace(it, tries=it.tries + 1), answer.reply
    if reply.end is End.DELIVERED:
        done = replace(it, state=CallbackState.DELIVERED, next=None)
        return conditions.callback_ended(case, status, done, ENDS[reply.end], reply.why)
    if reason := ENDS.get(reply.end):
        return conditions.callback_ended(case, status, _given_up(it), reason, reply.why)
    last = _last(it, case.now)
    if case.now >= last:
        return conditions.callback_ended(
            case, status, _given_up(it), Reason.CALLBACK_GAVE_UP, f"given up after a day: {reply.why}"
        )
    wait = max(
        _wait_seconds(answer.ticket.message, it.tries), min(reply.after_seconds, LONGEST_ASKED_SECONDS)
    )
    again = replace(it, next=min(last, case.now + timedelta(seconds=wait)))
    return conditions.callback_ended(case, status, again, Reason.CALLBACK_FAILED, reply.why)


def _given_up(it: Callback) -> Callback:
    return replace(it, state=CallbackState.GAVE_UP, next=None)


def _last(it: Callback, now: datetime) -> datetime:
    return (it.since or now) + timedelta(seconds=GIVE_UP_SECONDS)


def _wait_seconds(message: str, tries: int) -> float:
    # By the id and not by chance: a plan made twice, or by two operators, is the same.
    share = zlib.crc32(f"{message}/{tries}".encode()) / 2**32
    return backoff.delay_seconds(tries, FIRST_SECONDS, LONGEST_SECONDS) * (1 - JITTER + 2 * JITTER * share)
