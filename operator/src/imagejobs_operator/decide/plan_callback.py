"""Decides when the callback of a finished job is sent, sent again, and given up (pure).

The result of a try is first known to this process (`History.delivery_result`), then recorded in the status. A
process that is killed between the two sends the same message again under the same id: each message arrives at
least once, and never under two ids.
"""

import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from imagejobs_contract.model.status import Callback, CallbackState, ConditionType, Reason, Status
from imagejobs_contract.runtime import backoff
from imagejobs_operator.decide import actions, conditions
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.deliveries import DeliveryResult, ResponseKind, delivery_id
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.plan_input import PlanInput

GIVE_UP_SECONDS = 86_400.0
"""A callback that is not delivered within a day is given up."""
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 3600.0
"""Wait after the first failure, doubled with each further one: some 34 tries in a day."""
MAX_RETRY_AFTER_SECONDS = 4 * 3600.0
"""Longest pause that a receiver may ask for (`Retry-After`): it still leaves several tries in the day."""
JITTER_SHARE = 0.25
"""Share by which a wait is shorter or longer, so that jobs that ended together do not retry together."""
FINAL_REASONS = {
    ResponseKind.DELIVERED: Reason.CALLBACK_DELIVERED,
    ResponseKind.REFUSED: Reason.CALLBACK_REFUSED,
    ResponseKind.GONE: Reason.CALLBACK_GONE,
}
"""Responses after which the callback is not sent again."""


def is_pending(status: Status) -> bool:
    """Return whether a callback is still to be delivered; its job is not deleted before."""
    return status.callback is not None and status.callback.state is CallbackState.PENDING


def update(given: PlanInput, status: Status) -> Status:
    """Return the status of a finished job with its callback updated.

    The callback changes when it was asked for again, when a try ended, and when it is too late.
    """
    spec, callback = given.job.spec, status.callback
    if spec.callback_url is None:
        return status
    if spec.repeat_callback > (callback.repeats if callback else 0):
        return conditions.with_callback_due(given, status, callback.attempt if callback else status.attempt)
    if callback is None or callback.state is not CallbackState.PENDING:
        return status
    result = given.seen.history.delivery_result
    if result and result.delivery == delivery_id(given.job, callback):
        return _record_result(given, status, callback, result)
    if not given.policy.callbacks and given.now >= _give_up_time(given, callback):
        reason, message = Reason.CALLBACK_UNSIGNED, conditions.UNSIGNED
        return conditions.with_callback(given, status, _give_up(callback), reason, message)
    return status


def deliver(given: PlanInput) -> tuple[Action, ...]:
    """Return the action that delivers a pending callback, now or when it is due.

    The resync catches a callback that is due later than the next resync.
    """
    callback = given.job.status.callback
    if callback is None or callback.state is not CallbackState.PENDING or not given.policy.callbacks:
        return ()
    left = (given.moment(Phase.CALLBACK_NEXT, callback.next) - given.now).total_seconds()
    if left <= 0:
        return (actions.Deliver(delivery_id(given.job, callback)),)
    return (actions.Requeue(left),) if left <= given.policy.resync_seconds else ()


def warn(before: Status, after: Status) -> tuple[Action, ...]:
    """Return a warning event for the first failed delivery and for giving up."""
    condition = after.condition(ConditionType.CALLBACK_DELIVERED)
    if condition is None or condition.status or after.callback == before.callback or after.callback is None:
        return ()
    is_first = after.callback.state is CallbackState.PENDING and after.callback.tries == 1
    if not is_first and after.callback.state is not CallbackState.GAVE_UP:
        return ()
    return (actions.Emit(condition.reason, condition.message, warning=True),)


def _record_result(given: PlanInput, status: Status, callback: Callback, result: DeliveryResult) -> Status:
    callback, response = replace(callback, tries=callback.tries + 1), result.response
    if response.kind is ResponseKind.DELIVERED:
        done = replace(callback, state=CallbackState.DELIVERED, next=None)
        return conditions.with_callback(given, status, done, FINAL_REASONS[response.kind], response.reason)
    if reason := FINAL_REASONS.get(response.kind):
        return conditions.with_callback(given, status, _give_up(callback), reason, response.reason)
    last = _give_up_time(given, callback)
    if given.now >= last:
        message = f"given up after a day: {response.reason}"
        return conditions.with_callback(given, status, _give_up(callback), Reason.CALLBACK_GAVE_UP, message)
    asked_seconds = min(response.retry_after_seconds, MAX_RETRY_AFTER_SECONDS)
    wait = max(_wait_seconds(result.delivery.message_id, callback.tries), asked_seconds)
    wait = min(wait, (last - given.now).total_seconds())
    again = replace(callback, next=given.stamp + timedelta(seconds=wait))
    return conditions.with_callback(given, status, again, Reason.CALLBACK_FAILED, response.reason)


def _give_up(callback: Callback) -> Callback:
    return replace(callback, state=CallbackState.GAVE_UP, next=None)


def _give_up_time(given: PlanInput, callback: Callback) -> datetime:
    return given.moment(Phase.CALLBACK_DUE, callback.since) + timedelta(seconds=GIVE_UP_SECONDS)


def _wait_seconds(message: str, tries: int) -> float:
    # By the id and not by chance: a plan made twice, or by two operators, is the same.
    share = zlib.crc32(f"{message}/{tries}".encode()) / 2**32
    seconds = backoff.delay_seconds(tries, FIRST_SECONDS, LONGEST_SECONDS)
    return seconds * (1 - JITTER_SHARE + 2 * JITTER_SHARE * share)
