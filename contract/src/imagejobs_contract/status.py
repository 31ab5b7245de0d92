"""The status of an ImageJob: states, conditions, reasons, counts; and how counts become a final state (pure).

Only the operator writes it. Reading is lenient: what cannot be understood is left out, never raised.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from imagejobs_contract import limits
from imagejobs_contract.counts import Counts
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.times import parse_time, show_duration, show_time


class State(StrEnum):
    """The job in one word, derived from conditions and counts: for columns, selectors and people."""

    PENDING = "Pending"
    QUEUED = "Queued"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def final(self) -> bool:
        """Tell whether nothing but `retryFailed` changes it any more."""
        return self in FINAL


FINAL = frozenset({State.SUCCEEDED, State.PARTIALLY_SUCCEEDED, State.FAILED, State.CANCELLED})


class ConditionType(StrEnum):
    """What a condition is about. CallbackDelivered is for jobs with a callback; Reconciling and Stalled stand there only while true (kstatus)."""

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    FINISHED = "Finished"
    COMPLETE = "Complete"
    FAILED = "Failed"
    CALLBACK_DELIVERED = "CallbackDelivered"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition is as it is; also the reason of events."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    QUEUED = "Queued"
    JOB_CREATED = "JobCreated"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    RESUMED = "Resumed"
    NOT_FINISHED = "NotFinished"
    NOT_FAILED = "NotFailed"
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    ALL_FAILED = "AllFailed"
    TOO_MANY_FAILED = "TooManyFailed"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    QUEUE_DEADLINE_EXCEEDED = "QueueDeadlineExceeded"
    CANCELLED = "Cancelled"
    JOB_FAILED = "JobFailed"
    NAME_TAKEN = "NameTaken"
    NO_RUNNER = "NoRunner"
    NO_WORKER = "NoWorker"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    BACKEND_REFUSED = "BackendRefused"
    CALLBACK_UNSIGNED = "CallbackUnsigned"
    CALLBACK_PENDING = "CallbackPending"
    CALLBACK_DELIVERED = "CallbackDelivered"
    CALLBACK_FAILED = "CallbackFailed"
    CALLBACK_REFUSED = "CallbackRefused"
    CALLBACK_GONE = "CallbackGone"
    CALLBACK_GAVE_UP = "CallbackGaveUp"


class CallbackState(StrEnum):
    """Where a job's callback stands."""

    PENDING = "Pending"
    DELIVERED = "Delivered"
    GAVE_UP = "GaveUp"


@dataclass(frozen=True, slots=True)
class Condition:
    """One Kubernetes condition."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str = ""
    since: datetime | None = None
    observed_generation: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed image, for people who read `kubectl describe`."""

    name: str
    code: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """How far the callback of an attempt that ended has come.

    Attributes:
        attempt: Of which it tells.
        repeats: How far `spec.repeatCallback` was acted upon.
        tries: How often it was sent since it was due.
        since: When it became due: the job's end, or the repeat.
        next: When it is sent next, while it is pending.
    """

    state: CallbackState
    attempt: int = 1
    repeats: int = 0
    tries: int = 0
    since: datetime | None = None
    next: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything under `.status`.

    Attributes:
        attempt: 1, and one more for each step of `spec.retryFailed` that was acted upon.
        results_key: S3 prefix of the outcome lines, once there are any.
        job_name: The child Job, if there is one.
        outcomes: Of pool jobs with at most 16 images.
        callback: Once the attempt ended, of jobs that have one.
    """

    observed_generation: int = 0
    state: State = State.PENDING
    conditions: tuple[Condition, ...] = ()
    counts: Counts = field(default_factory=Counts)
    estimated_remaining_seconds: int | None = None
    failures: tuple[Failure, ...] = ()
    failure_codes: tuple[str, ...] = ()
    results_key: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    outcomes: tuple[Outcome, ...] = ()
    job_name: str | None = None
    shards: int = 0
    attempt: int = 0
    queued: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    duration_seconds: int | None = None
    callback: Callback | None = None

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of that type, if there is one."""
        return next((each for each in self.conditions if each.type == kind), None)

    def is_true(self, kind: ConditionType) -> bool:
        """Tell whether the condition of that type is there and true."""
        condition = self.condition(kind)
        return condition is not None and condition.status

    def with_condition(self, condition: Condition) -> "Status":
        """Return the status with that condition; `since` moves only when its status changes."""
        old = self.condition(condition.type)
        if old is not None and old.status == condition.status and old.since is not None:
            condition = replace(condition, since=old.since)
        others = tuple(each for each in self.conditions if each.type != condition.type)
        return replace(self, conditions=tuple(sorted((*others, condition), key=lambda each: _ORDER.index(each.type))))

    def without_condition(self, kind: ConditionType) -> "Status":
        """Return the status without that condition."""
        return replace(self, conditions=tuple(each for each in self.conditions if each.type != kind))

    def to_body(self) -> dict[str, Any]:
        """Return `.status` as the CRD has it; {} for a job no operator has seen.

        `progress` and `duration` are for kubectl's columns, and never read.
        """
        if self == Status():
            return {}
        counts = self.counts
        body: dict[str, Any] = {
            "observedGeneration": self.observed_generation,
            "state": self.state.value,
            "conditions": [_condition_body(each) for each in self.conditions],
            "items": {name: getattr(counts, name) for name in ("total", "active", "succeeded", "failed")},
            "progressPercent": counts.percent,
            "progress": f"{counts.percent}%",
            "attempt": self.attempt,
            "estimatedRemainingSeconds": self.estimated_remaining_seconds,
            "failures": [{"name": each.name, "code": each.code, "message": each.message} for each in self.failures],
            "failureCodes": list(self.failure_codes),
            "results": {"key": self.results_key, "bytesIn": self.bytes_in, "bytesOut": self.bytes_out},
            "outcomes": [each.to_body() for each in self.outcomes],
            "job": {"name": self.job_name, "shards": self.shards} if self.job_name else None,
            "queuedTime": show_time(self.queued) if self.queued else None,
            "startTime": show_time(self.started) if self.started else None,
            "completionTime": show_time(self.completed) if self.completed else None,
            "durationSeconds": self.duration_seconds,
            "duration": None if self.duration_seconds is None else show_duration(self.duration_seconds),
            "callback": _callback_body(self.callback) if self.callback else None,
        }
        return {name: value for name, value in body.items() if value is not None and value != []}

    @classmethod
    def from_body(cls, body: object) -> "Status":
        """Read `.status`; what is not understood is left out."""
        if not isinstance(body, Mapping):
            return cls()
        items, results, job = _mapping(body, "items"), _mapping(body, "results"), _mapping(body, "job")
        codes = body.get("failureCodes")
        return cls(
            observed_generation=_int(body, "observedGeneration"),
            state=_state(body.get("state")),
            conditions=tuple(filter(None, map(_condition, _list(body, "conditions")))),
            counts=Counts(*(_int(items, name) for name in ("total", "active", "succeeded", "failed"))),
            estimated_remaining_seconds=_optional_int(body, "estimatedRemainingSeconds"),
            failures=tuple(
                Failure(str(each.get("name", "")), str(each.get("code", "")), str(each.get("message", ""))) for each in _list(body, "failures")
            ),
            failure_codes=tuple(map(str, codes)) if isinstance(codes, list) else (),
            results_key=results.get("key"),
            bytes_in=_int(results, "bytesIn"),
            bytes_out=_int(results, "bytesOut"),
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


_ORDER = tuple(ConditionType)


def final_state(counts: Counts, max_failed_items: int | None) -> tuple[State, Reason]:
    """Return how a job ends whose images have all ended."""
    if counts.failed == 0:
        return State.SUCCEEDED, Reason.SUCCEEDED
    if counts.succeeded == 0:
        return State.FAILED, Reason.ALL_FAILED
    if max_failed_items is not None and counts.failed > max_failed_items:
        return State.FAILED, Reason.TOO_MANY_FAILED
    return State.PARTIALLY_SUCCEEDED, Reason.PARTIALLY_SUCCEEDED


def summarise(outcomes: Iterable[Outcome]) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
    """Return the first failures by index, and every code that occurred, sorted."""
    failed = sorted((each for each in outcomes if not each.succeeded), key=lambda each: each.index)
    first = tuple(Failure(each.name or str(each.index), str(each.code), each.message[:256]) for each in failed[: limits.MAX_STATUS_FAILURES])
    return first, tuple(sorted({str(each.code) for each in failed}))


def _condition_body(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.type.value,
        "status": "True" if condition.status else "False",
        "reason": condition.reason.value,
        "message": condition.message,
        "lastTransitionTime": show_time(condition.since) if condition.since else "1970-01-01T00:00:00Z",
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


def _callback_body(callback: Callback) -> dict[str, Any]:
    body = {
        "state": callback.state.value,
        "attempt": callback.attempt,
        "repeats": callback.repeats,
        "tries": callback.tries,
        "sinceTime": show_time(callback.since) if callback.since else None,
        "nextTime": show_time(callback.next) if callback.next else None,
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
