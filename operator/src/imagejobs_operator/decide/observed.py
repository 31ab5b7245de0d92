"""What is known before a decision: plain values, the whole input of `plan`.

Absence is a value here, not an error: a Job that vanished, a board that knows nothing, results that were not
read yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Failure, Status
from imagejobs_contract.runtime.settings import LEASE_SECONDS
from imagejobs_operator.callbacks.payload import DeliveryResult


class Presence(StrEnum):
    """Whether the child Job of the attempt is there, and whose it is."""

    ABSENT = "Absent"
    OURS = "Ours"
    FOREIGN = "Foreign"
    """Its name is taken by an object that the ImageJob does not own."""


class ChildEnd(StrEnum):
    """How a Job ended, by the names of its conditions."""

    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ChildJob:
    """Facts of the child Job.

    Attributes:
        managed: Kueue admits and suspends it; we must not.
        active: Pods that are not finished.
        ready: Pods that run.
        deleting_since: It waits for its pods to go.
        reason: Of its Failed condition, as the Job controller words it.
        out_of_memory: Failed indexes of which a container was killed for its memory.
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


@dataclass(frozen=True, slots=True)
class Results:
    """What the outcome lines in S3 say, each image counted once.

    Attributes:
        prepared: Whether the shards were ever cut; without that there can be no lines, and none can be added.
        missing: Shard -> how many of its images have no outcome of this attempt and no success.
        outcomes: By index; only for jobs whose outcomes fit into memory and Redis (`limits.MAX_ITEMS`).
    """

    counts: Counts
    prepared: bool = True
    missing: Mapping[int, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    failure_codes: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """What this process remembers of a job; a restart forgets it, and nothing but haste is lost.

    Attributes:
        met: When it first saw the job.
        is_new: This is that time.
        written: When it last wrote the status.
        announced: When it last announced counts, and which.
        deleting_since: When it first saw that the job is being deleted.
        withdrawn: When it took the tasks of the job, which was being deleted, off the queue for the first
            time.
        answer: What came of the last try to deliver its callback.
        rests_until: Only events bring it back before.
        ends: Outcomes that workers told of with their wake-ups, of a small job in the pool.
        left: Tasks of it that were on the queue when the last of these was told.
    """

    first_seen: datetime | None = None
    is_new: bool = False
    written: datetime | None = None
    announced: datetime | None = None
    announced_counts: Counts | None = None
    deleting_since: datetime | None = None
    tasks_cancelled: datetime | None = None
    delivery_result: DeliveryResult | None = None
    skip_resync_until: datetime | None = None
    reported: Mapping[int, Outcome] = field(default_factory=dict)
    tasks_left: int = 0

    def knows_all_outcomes(self, total: int, attempt: int) -> bool:
        """Tell whether all images of a job were told of as ended in an attempt, and none of its tasks is left."""
        return (
            not self.tasks_left
            and len(self.reported) == total
            and all(outcome.attempt == attempt for outcome in self.reported.values())
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was read for one decision.

    Attributes:
        waiting: Images on the pool's queue, taken or not; read before `outcomes`, so that an image in neither
            is nowhere.
        outcomes: What the board knows of ended images, of any attempt.
        counts: The board's sums, or None if it knows nothing.
        workers: Pool workers seen lately; None if it did not matter.
        results: None as long as S3 was not asked; `plan` then answers with `CollectResults` where it needs
            them.
    """

    waiting: frozenset[int] = frozenset()
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    counts: Counts | None = None
    workers: int | None = 0
    child: ChildJob = ChildJob()
    results: Results | None = None
    history: History = History()


@dataclass(frozen=True, slots=True)
class Policy:
    """How this operator was told to decide.

    Attributes:
        since: When this process started. Time in which nobody could work on a job does not count against its
            deadlines.
        pool: Whether the pool may be used.
        jobs: Whether Jobs may be used.
        jobs_from: Images from which `execution: Auto` means a Job; None decides by who works in the pool, up
            to `POOL_ITEMS`.
        window: Most tasks of one job on the stream, so that a large job does not starve the others.
        lease_seconds: So long a worker of the pool may hold its lease for its own without being told.
        queue_seconds: A job may wait so long for its first image.
        soon_seconds: What is due later than this is left to the resync.
        callbacks: Whether there is a secret to sign them with.
    """

    since: datetime
    pool: bool = True
    jobs: bool = True
    jobs_from: int | None = None
    window: int = 200
    lease_seconds: float = LEASE_SECONDS
    queue_seconds: float = limits.Limits().queue_seconds
    resync_seconds: float = 30.0
    callbacks: bool = True


@dataclass(frozen=True, slots=True)
class PlanInput:
    """One decision to take.

    Attributes:
        job: The ImageJob as it stands in the store.
        status: The status to go on from, which is not the job's where an attempt begins.
    """

    job: ImageJob
    status: Status
    seen: Observed
    now: datetime
    policy: Policy

    def with_status(self, **changes: Any) -> "PlanInput":
        """Return the given with changes to the status."""
        return replace(self, status=replace(self.status, **changes))
