"""When the callback of a job that ended is sent, sent again, and given up (pure).

What was sent is known by the answer that this process remembers, and recorded in the status. A process that
is killed between the two sends the same message again under the same id: at least once, never twice under two
names.
"""

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.model.status import Callback, CallbackState, ConditionType, Reason, Status
from imagejobs_operator.callbacks import payload
from imagejobs_operator.callbacks.payload import DeliveryResult, ResponseKind
from imagejobs_operator.decide import actions, conditions
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.observed import PlanInput

GIVE_UP_SECONDS = 86_400.0
"""What is not delivered after a day is given up."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 3600.0
"""Wait after the first failure, doubled with each further one: 34 tries or so in a day."""
MAX_RETRY_AFTER_SECONDS = 4 * 3600.0
"""How long a receiver may ask to be left alone (`Retry-After`): there are several tries in the day all the
same.
"""
JITTER = 0.25
"""Share by which a wait is shorter or longer, so that jobs that ended together do not come back together."""
FINAL_REASONS = {
    ResponseKind.DELIVERED: Reason.CALLBACK_DELIVERED,
    ResponseKind.REFUSED: Reason.CALLBACK_REFUSED,
    ResponseKind.GONE: Reason.CALLBACK_GONE,
}
"""Answers after which nothing is sent any more."""


def is_pending(status: Status) -> bool:
    """Tell whether a callback is still to be delivered: its job is not forgotten before."""
    return status.callback is not None and status.callback.state is CallbackState.PENDING


def update(given: PlanInput, status: Status) -> Status:
    """Return the status of an ended job with what is new of its callback: it was asked for again, answered, or is too late."""
    spec, it = given.job.spec, status.callback
    if spec.callback_url is None:
        return status
    if spec.repeat_callback > (it.repeats if it else 0):
        return conditions.with_callback_due(given, status, it.attempt if it else status.attempt)
    if it is None or it.state is not CallbackState.PENDING:
        return status
    answer = given.seen.history.delivery_result
    if answer and answer.delivery == payload.delivery_id(given.job, it):
        return _record_result(given, status, it, answer)
    if not given.policy.callbacks and given.now >= _give_up_time(it, given.now):
        return conditions.with_callback(
            given, status, _give_up(it), Reason.CALLBACK_UNSIGNED, conditions.UNSIGNED
        )
    return status


def deliver(given: PlanInput) -> tuple[Action, ...]:
    """Return what delivers a pending callback, now or when it is due; the resync sees to what is due late."""
    it = given.job.status.callback
    if it is None or it.state is not CallbackState.PENDING or not given.policy.callbacks:
        return ()
    left = (it.next - given.now).total_seconds() if it.next else 0.0
    if left <= 0:
        return (actions.Deliver(payload.delivery_id(given.job, it)),)
    return (actions.Requeue(left),) if left <= given.policy.resync_seconds else ()


def warn(before: Status, after: Status) -> tuple[Action, ...]:
    """Return the event of a callback that fails: of its first failure, and of its end."""
    condition = after.condition(ConditionType.CALLBACK_DELIVERED)
    if condition is None or condition.status or after.callback == before.callback or after.callback is None:
        return ()
    first = after.callback.state is CallbackState.PENDING and after.callback.tries == 1
    worth = first or after.callback.state is CallbackState.GAVE_UP
    return (actions.Emit(condition.reason, condition.message, warning=True),) if worth else ()


def _record_result(given: PlanInput, status: Status, it: Callback, answer: DeliveryResult) -> Status:
    it, reply = replace(it, tries=it.tries + 1), answer.response
    if reply.kind is ResponseKind.DELIVERED:
        done = replace(it, state=CallbackState.DELIVERED, next=None)
        return conditions.with_callback(given, status, done, FINAL_REASONS[reply.kind], reply.reason)
    if reason := FINAL_REASONS.get(reply.kind):
        return conditions.with_callback(given, status, _give_up(it), reason, reply.reason)
    last = _give_up_time(it, given.now)
    if given.now >= last:
        return conditions.with_callback(
            given, status, _give_up(it), Reason.CALLBACK_GAVE_UP, f"given up after a day: {reply.reason}"
        )
    wait = max(
        _wait_seconds(answer.delivery.message_id, it.tries),
        min(reply.retry_after_seconds, MAX_RETRY_AFTER_SECONDS),
    )
    again = replace(it, next=min(last, given.now + timedelta(seconds=wait)))
    return conditions.with_callback(given, status, again, Reason.CALLBACK_FAILED, reply.reason)


def _give_up(it: Callback) -> Callback:
    return replace(it, state=CallbackState.GAVE_UP, next=None)


def _give_up_time(it: Callback, now: datetime) -> datetime:
    return (it.since or now) + timedelta(seconds=GIVE_UP_SECONDS)


def _wait_seconds(message: str, tries: int) -> float:
    # By the id and not by chance: a plan made twice, or by two operators, is the same.
    share = zlib.crc32(f"{message}/{tries}".encode()) / 2**32
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(tries - 1, 20)) * (1 - JITTER + 2 * JITTER * share)
