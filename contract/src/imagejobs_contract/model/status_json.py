"""`.status` as the CRD has it, read and written.

Reading is lenient: a value that cannot be understood is left out, never raised.
"""

from collections.abc import Mapping
from typing import Any

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.status import (
    Callback,
    CallbackState,
    Condition,
    ConditionType,
    Failure,
    Reason,
    State,
    Status,
)
from imagejobs_contract.model.times import format_duration, format_time, parse_time

RECEIPT_FIELDS = {
    "succeeded": "succeeded",
    "failed": "failed",
    "bytes_in": "bytesIn",
    "bytes_out": "bytesOut",
    "cpu_milliseconds": "cpuMilliseconds",
}
"""Attribute -> field of the CRD."""
UNSEEN_GENERATION = -1
"""The CRD's default of `observedGeneration`."""


def status_body(status: Status) -> dict[str, Any]:
    """Return `.status` as the CRD has it; {} for a job that no operator has seen.

    `progress`, `duration`, `saved` and `cpu` are for kubectl's columns, and never read.
    """
    if status == Status():
        return {}
    counts = status.counts
    body: dict[str, Any] = {
        "observedGeneration": status.observed_generation,
        "state": status.state.value,
        "conditions": [_condition_body(each) for each in status.conditions],
        "items": {name: getattr(counts, name) for name in ("total", "active", "succeeded", "failed")},
        "progressPercent": counts.percent,
        "progress": f"{counts.percent}%",
        "attempt": status.attempt,
        "estimatedRemainingSeconds": status.estimated_remaining_seconds,
        "failures": [
            {"name": each.name, "code": each.code, "message": each.message} for each in status.failures
        ],
        "failureCodes": list(status.failure_codes),
        "results": {
            "key": status.results_key,
            "bytesIn": status.bytes_in,
            "bytesOut": status.bytes_out,
            "cpuMilliseconds": status.cpu_milliseconds,
        },
        "attemptReceipt": _receipt_body(status.attempt_receipt) if status.attempt_receipt else None,
        "saved": None if status.receipt.saved_percent is None else f"{status.receipt.saved_percent}%",
        "cpu": f"{status.receipt.cpu_seconds:.1f}s" if status.cpu_milliseconds else None,
        "outcomes": [each.to_body() for each in status.outcomes],
        "job": {"name": status.job_name, "shards": status.shards} if status.job_name else None,
        "queuedTime": format_time(status.queued) if status.queued else None,
        "startTime": format_time(status.started) if status.started else None,
        "completionTime": format_time(status.completed) if status.completed else None,
        "durationSeconds": status.duration_seconds,
        "duration": None if status.duration_seconds is None else format_duration(status.duration_seconds),
        "callback": _callback_body(status.callback) if status.callback else None,
    }
    return {name: value for name, value in body.items() if value is not None and value != []}


def read_status(body: object) -> Status:
    """Read `.status`; a value that cannot be understood is left out."""
    if not isinstance(body, Mapping) or not body or body.get("observedGeneration") == UNSEEN_GENERATION:
        return Status()
    items, results, job = _mapping(body, "items"), _mapping(body, "results"), _mapping(body, "job")
    codes = body.get("failureCodes")
    return Status(
        observed_generation=_int(body, "observedGeneration"),
        state=_state(body.get("state")),
        conditions=tuple(filter(None, map(_condition, _list(body, "conditions")))),
        counts=Counts(*(_int(items, name) for name in ("total", "active", "succeeded", "failed"))),
        estimated_remaining_seconds=_optional_int(body, "estimatedRemainingSeconds"),
        failures=tuple(
            Failure(str(each.get("name", "")), str(each.get("code", "")), str(each.get("message", "")))
            for each in _list(body, "failures")
        ),
        failure_codes=tuple(map(str, codes)) if isinstance(codes, list) else (),
        results_key=results.get("key"),
        bytes_in=_int(results, "bytesIn"),
        bytes_out=_int(results, "bytesOut"),
        cpu_milliseconds=_int(results, "cpuMilliseconds"),
        attempt_receipt=_receipt(_mapping(body, "attemptReceipt")),
        outcomes=tuple(filter(None, map(_outcome, _list(body, "outcomes")))),
        job_name=job.get("name"),
        shards=_int(job, "shards"),
        attempt=_int(body, "attempt"),
        queued=parse_time(body.get("queuedTime")),
        started=parse_time(body.get("startTime")),
        completed=parse_time(body.get("completionTime")),
        duration_seconds=_optional_int(body, "durationSeconds"),
        callback=_callback(_mapping(body, "callback")),
    )


def _condition_body(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.type.value,
        "status": "True" if condition.status else "False",
        "reason": condition.reason.value,
        "message": condition.message,
        "lastTransitionTime": format_time(condition.since) if condition.since else "1970-01-01T00:00:00Z",
        "observedGeneration": condition.observed_generation,
    }


def _condition(body: Mapping[str, Any]) -> Condition | None:
    try:
        return Condition(
            type=ConditionType(body.get("type", "")),
            status=body.get("status") == "True",
            reason=Reason(body.get("reason", "")),
            message=str(body.get("message", "")),
            since=parse_time(body.get("lastTransitionTime")),
            observed_generation=_int(body, "observedGeneration"),
        )
    except ValueError:
        return None


def _receipt_body(receipt: Receipt) -> dict[str, int]:
    return {spelled: getattr(receipt, name) for name, spelled in RECEIPT_FIELDS.items()}


def _receipt(body: Mapping[str, Any]) -> Receipt | None:
    values = {name: _int(body, spelled) for name, spelled in RECEIPT_FIELDS.items()}
    return Receipt(**values) if body else None


def _callback_body(callback: Callback) -> dict[str, Any]:
    body = {
        "state": callback.state.value,
        "attempt": callback.attempt,
        "repeats": callback.repeats,
        "tries": callback.tries,
        "sinceTime": format_time(callback.since) if callback.since else None,
        "nextTime": format_time(callback.next) if callback.next else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _callback(body: Mapping[str, Any]) -> Callback | None:
    try:
        state = CallbackState(str(body.get("state")))
    except ValueError:
        return None
    times = parse_time(body.get("sinceTime")), parse_time(body.get("nextTime"))
    return Callback(state, _int(body, "attempt"), _int(body, "repeats"), _int(body, "tries"), *times)


def _outcome(body: Mapping[str, Any]) -> Outcome | None:
    try:
        return Outcome.from_body(body)
    except ValueError:
        return None


def _state(value: object) -> State:
    try:
        return State(str(value))
    except ValueError:
        return State.PENDING


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _list(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = body.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _int(body: Mapping[str, Any], name: str) -> int:
    return _optional_int(body, name) or 0


def _optional_int(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
