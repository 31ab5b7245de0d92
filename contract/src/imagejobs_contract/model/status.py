"""The status of an ImageJob: states, conditions, reasons, counts; and how counts become a final state (pure).

Only the operator writes it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.receipt import Receipt


class State(StrEnum):
    """The job's state in one word, derived from conditions and counts: for columns, selectors and people."""

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
        """Return whether only `retryFailed` can still change the state."""
        return self in FINAL

    @property
    def stopped(self) -> bool:
        """Return whether the job may have ended before its images, so that workers may still work on some."""
        return self in STOPPED


STOPPED = frozenset({State.FAILED, State.CANCELLED})
FINAL = frozenset({State.SUCCEEDED, State.PARTIALLY_SUCCEEDED, State.FAILED, State.CANCELLED})


class ConditionType(StrEnum):
    """The type of a condition.

    CallbackDelivered is for jobs with a callback; Reconciling and Stalled are present only while they are
    true (kstatus).
    """

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    FINISHED = "Finished"
    COMPLETE = "Complete"
    FAILED = "Failed"
    CALLBACK_DELIVERED = "CallbackDelivered"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """The reason of a condition; also the reason of events."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    NOT_GRANTED = "NotGranted"
    QUEUED = "Queued"
    JOB_CREATED = "JobCreated"
    RUNNING = "Running"
    STARTED = "Started"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    RETRIED = "Retried"
    NOT_SUSPENDED = "NotSuspended"
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
    MANIFEST_NOT_FOUND = "ManifestNotFound"
    PRIORITY_CLASS_NOT_FOUND = "PriorityClassNotFound"
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
    """The state of a job's callback."""

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
    """The delivery of the callback of an attempt that ended.

    Attributes:
        attempt: The attempt that the callback reports.
        repeats: The value of `spec.repeatCallback` up to which repeats were started.
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
        attempt: 1, and one more for each step of `spec.retryFailed` that was started; 0 before the operator
            has seen the job.
        results_key: S3 prefix of the outcome lines, once there are any.
        job_name: The child Job, if there is one.
        outcomes: Of pool jobs with at most 16 images.
        callback: Once the attempt ended, of jobs that have one.
        cpu_milliseconds: Processor time of all images that ended.
        attempt_receipt: Of the images that the last attempt worked on, from the second attempt on.
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
    cpu_milliseconds: int = 0
    attempt_receipt: Receipt | None = None
    outcomes: tuple[Outcome, ...] = ()
    job_name: str | None = None
    shards: int = 0
    attempt: int = 0
    queued: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    duration_seconds: int | None = None
    callback: Callback | None = None

    @property
    def receipt(self) -> Receipt:
        """Return the receipt of the job, over all attempts."""
        counts = self.counts
        return Receipt(counts.succeeded, counts.failed, self.bytes_in, self.bytes_out, self.cpu_milliseconds)

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of that type, if there is one."""
        return next((each for each in self.conditions if each.type == kind), None)

    def is_true(self, kind: ConditionType) -> bool:
        """Return whether the condition of that type is present and true."""
        condition = self.condition(kind)
        return condition is not None and condition.status

    def with_conditions(self, *conditions: Condition, without: Collection[ConditionType] = ()) -> "Status":
        """Return the status with these conditions added or replaced.

        `since` moves only when a condition's status changes.

        Args:
            without: Types to remove, unless they are among the new conditions.
        """
        before = {each.type: each for each in self.conditions}
        found = {kind: each for kind, each in before.items() if kind not in without}
        for each in conditions:
            old = before.get(each.type)
            same = old is not None and old.status == each.status and old.since is not None
            found[each.type] = replace(each, since=old.since) if old and same else each
        return replace(self, conditions=tuple(found[kind] for kind in ConditionType if kind in found))


def final_state(counts: Counts, max_failed_items: int | None) -> tuple[State, Reason]:
    """Return state and reason of a job whose images have all ended."""
    if counts.failed == 0:
        return State.SUCCEEDED, Reason.SUCCEEDED
    if counts.succeeded == 0:
        return State.FAILED, Reason.ALL_FAILED
    if max_failed_items is not None and counts.failed > max_failed_items:
        return State.FAILED, Reason.TOO_MANY_FAILED
    return State.PARTIALLY_SUCCEEDED, Reason.PARTIALLY_SUCCEEDED


def summarise_failures(outcomes: Iterable[Outcome]) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
    """Return the first failures by index, and every code that occurred, sorted."""
    failed = sorted((each for each in outcomes if not each.succeeded), key=lambda each: each.index)
    first = tuple(
        Failure(each.name or str(each.index), str(each.code), each.message[:256])
        for each in failed[: limits.MAX_STATUS_FAILURES]
    )
    return first, tuple(sorted({str(each.code) for each in failed}))
