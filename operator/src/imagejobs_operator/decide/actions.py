"""Everything the operator can do, as values: `plan` returns them, the reconciler applies them in that order.

Each action is safe to repeat. The process may be killed after any of them: the next plan starts from the
facts that it observes then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagejobs_contract.codes import Code
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Reason, Status
from imagejobs_contract.ports import Change
from imagejobs_operator.decide.deliveries import DeliveryId


@dataclass(frozen=True, slots=True)
class SendTasks:
    """Put images on the pool's queue; workers drop those that are older than `lifetime_seconds`."""

    indexes: tuple[int, ...]
    attempt: int
    lifetime_seconds: float


@dataclass(frozen=True, slots=True)
class WithdrawTasks:
    """Cancel all tasks of the job on the pool's queue; a worker that has one of them loses its lease."""


@dataclass(frozen=True, slots=True)
class PutCounts:
    """Write the live counts of a pool job to the board; the shards of a Job write theirs themselves."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class PrepareShards:
    """Write manifest, spec and offsets for the pods of a Job to S3, unless they exist.

    Attributes:
        sources: Prefixes that the keys of images must lie under; None allows every key.
    """

    shards: int
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job of an attempt, with so many pods at a time."""

    attempt: int
    shards: int
    parallelism: int


@dataclass(frozen=True, slots=True)
class AwaitPods:
    """Wait until other jobs of the owner have ended; the end of one reconciles the job again."""


@dataclass(frozen=True, slots=True)
class SuspendJob:
    """Suspend the Job, or resume it."""

    attempt: int
    suspend: bool


@dataclass(frozen=True, slots=True)
class SetParallelism:
    """Change the number of pods that the Job runs at once."""

    attempt: int
    parallelism: int


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete the Job of an attempt; it exists until its pods are gone."""

    attempt: int


@dataclass(frozen=True, slots=True)
class CollectResults:
    """Read the outcome lines from S3 and plan again with them; no other port action is in the same plan."""

    attempt: int


@dataclass(frozen=True, slots=True)
class FillMissing:
    """Write a failed outcome for each image that has no outcome.

    Attributes:
        codes: Shard -> code, for shards whose code is not `code`.
    """

    attempt: int
    code: Code
    message: str
    codes: Mapping[int, Code] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResults:
    """Write the outcomes of a pool job to S3 as the lines of shard 0."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Write the status, if the job has not changed since it was read."""

    status: Status


@dataclass(frozen=True, slots=True)
class Announce:
    """Announce the state and counts of the job to the API."""

    change: Change


@dataclass(frozen=True, slots=True)
class Emit:
    """Post an event about the job, for people."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Start a try to deliver the callback, unless this try has started; its result requeues the job."""

    delivery: DeliveryId


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the live progress of a deleted job, or of the attempt before, from the board.

    The progress of a finished job expires by itself.
    """


@dataclass(frozen=True, slots=True)
class DeleteFiles:
    """Delete the job's working files and the uploads of its request, never outputs."""


@dataclass(frozen=True, slots=True)
class DeleteOutputs:
    """Delete the outputs of the job, and no other object under their prefix."""

    shards: int


@dataclass(frozen=True, slots=True)
class DeleteImageJob:
    """Delete the ImageJob itself."""


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Add our finalizer: the deletion of the ImageJob then waits until its outputs are deleted."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Remove our finalizer, so that the deletion of the ImageJob can end."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """Reconcile the job again after this time."""

    after_seconds: float


QueueAction = SendTasks | WithdrawTasks
BoardAction = PutCounts | Announce | Forget
ChildJobAction = CreateJob | SuspendJob | SetParallelism | DeleteJob
FileAction = PrepareShards | FillMissing | WriteResults | DeleteFiles | DeleteOutputs
StoreAction = WriteStatus | DeleteImageJob | AddFinalizer | RemoveFinalizer
MessageAction = Emit | Deliver
PortAction = QueueAction | BoardAction | ChildJobAction | FileAction | StoreAction | MessageAction
"""Actions that go through one port each; `act.apply` carries them out."""
LoopAction = CollectResults | AwaitPods | Requeue
"""Actions that the reconciler carries out itself: the first leads to another plan, the others to another
reconcile.
"""
Wait = AwaitPods | Requeue
"""Actions that change nothing outside."""
Action = PortAction | LoopAction

USES_STORAGE = (PrepareShards, CollectResults, FillMissing, WriteResults, DeleteFiles, DeleteOutputs)
"""Actions that fail when S3 fails."""
CAN_BE_MISSED = (PutCounts, Announce, Emit, Deliver, Forget)
"""Actions on which nothing depends: a failure is logged, and the next action follows."""
