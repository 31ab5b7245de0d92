"""The facts that were read before a decision, as plain values.

Absence is a value here, not an error: a Job that is gone, a board without data, results that were not read.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.status import Failure
from imagejobs_operator.decide import moments
from imagejobs_operator.decide.history import History
from imagejobs_operator.decide.moments import Phase


class Presence(StrEnum):
    """Whether the child Job of the attempt exists, and who owns it."""

    ABSENT = "Absent"
    OURS = "Ours"
    FOREIGN = "Foreign"
    """An object that the ImageJob does not own has its name."""


class ChildEnd(StrEnum):
    """How a child Job ended; the values are the types of its conditions."""

    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ChildJob:
    """Facts about the child Job of an attempt.

    Attributes:
        managed: Kueue admits and suspends the Job; the operator must not.
        active: Pods that are not finished.
        ready: Pods that run.
        deleting_since: When its deletion was asked for; it waits for its pods to go.
        reason: `reason` of its condition Failed, in the Job controller's words.
        message: `message` of that condition.
        held: Somebody else than the operator has suspended the Job: Kueue, a person.
        out_of_memory: Failed indexes in which a container was killed for its memory.
    """

    presence: Presence = Presence.ABSENT
    suspended: bool = False
    managed: bool = False
    parallelism: int = 0
    active: int = 0
    ready: int = 0
    created: datetime | None = None
    deleting_since: datetime | None = None
    ended: ChildEnd | None = None
    reason: str = ""
    message: str = ""
    out_of_memory: frozenset[int] = frozenset()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """The sum of the outcome lines in S3; each image counts once.

    Attributes:
        prepared: Whether the inputs of the shards exist. Without them there are no lines, and none can be
            added.
        missing: Shard -> number of its images that have neither an outcome of this attempt nor a success.
        attempt_receipt: Of the images that ended in the attempt itself.
        outcomes: By index; only for jobs whose outcomes fit into memory and Redis (`limits.MAX_ITEMS`).
    """

    counts: Counts
    prepared: bool = True
    missing: Mapping[int, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    failure_codes: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    cpu_milliseconds: int = 0
    attempt_receipt: Receipt = field(default_factory=Receipt)
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodShare:
    """What a job may have of its owner's pods now.

    Attributes:
        left: Pods that none of the owner's jobs has, and that no job before this one waits for.
        ahead: Jobs of the owner that wait for pods and come before this one.
    """

    left: int = sys.maxsize
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was read for one decision.

    Attributes:
        in_queue: Indexes of images on the pool's queue, leased or not. It is read before `outcomes`: an image
            in neither of them is lost.
        outcomes: The board's outcomes of images, of any attempt.
        counts: The board's sums, or None if it has none.
        workers: Number of pool workers seen lately; None if it does not matter.
        pods: Share of the owner's pods; without a bound where it does not matter.
        speaks: Whether the job is the one of its namespace that says that the pool has no worker.
        namespace_ends: Whether the namespace of the job is being deleted.
        lead: How far the calendar is ahead of the clock that only counts.
        other_children: Jobs of other attempts, by attempt; read only if the job is being deleted.
        results: None until S3 was read. `plan` returns `CollectResults` where it needs them.
    """

    in_queue: frozenset[int] = frozenset()
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    counts: Counts | None = None
    workers: int | None = 0
    child: ChildJob = ChildJob()
    results: Results | None = None
    pods: PodShare = PodShare()
    history: History = field(default_factory=History)
    speaks: bool = True
    namespace_ends: bool = False
    lead: timedelta = moments.NO_LEAD
    other_children: Mapping[int, ChildJob] = field(default_factory=dict)

    @property
    def last_child_deletion(self) -> datetime | None:
        """Return when the last deletion of a Job was asked for, of those that wait for their pods."""
        stamps = (each.deleting_since for each in (self.child, *self.other_children.values()))
        return max(filter(None, stamps), default=None)

    def moment(self, phase: Phase, stamp: datetime, now: datetime) -> datetime:
        """Return when a stamp was, on the clock that only counts."""
        return moments.find(self.history.moments, phase, stamp, now, self.lead)
