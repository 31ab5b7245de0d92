"""Everything the operator can do, as values: `plan` returns them in order, `Reconciler` applies them in that order.

Each is safe to repeat, and after each the process may be killed: the next plan goes on from what is then
observed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagejobs_contract.codes import Code
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Reason, Status
from imagejobs_contract.ports import Change
from imagejobs_operator.callbacks.payload import DeliveryId


@dataclass(frozen=True, slots=True)
class SendTasks:
    """Put images on the pool's queue. Their workers drop them after `expires`, seconds since the epoch."""

    indexes: tuple[int, ...]
    attempt: int
    expires: float


@dataclass(frozen=True, slots=True)
class WithdrawTasks:
    """Take all images of the job off the pool's queue; whoever works on one cannot report it any more."""


@dataclass(frozen=True, slots=True)
class PutCounts:
    """Put the live counts of a pool job onto the board, as the shards of a Job do themselves."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class PrepareShards:
    """Put manifest, spec and offsets into S3 for the pods of a Job, unless they are there."""

    shards: int


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job of an attempt."""

    attempt: int
    shards: int


@dataclass(frozen=True, slots=True)
class SuspendJob:
    """Suspend the Job or let it go on."""

    attempt: int
    suspend: bool


@dataclass(frozen=True, slots=True)
class SetParallelism:
    """Change how many pods the Job runs at once."""

    attempt: int
    parallelism: int


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete the Job of an attempt; it is gone once its pods are."""

    attempt: int


@dataclass(frozen=True, slots=True)
class CollectResults:
    """Read the outcome lines from S3 and plan again with them. Stands alone in a plan."""

    attempt: int
    shards: int


@dataclass(frozen=True, slots=True)
class FillMissing:
    """Write a failed outcome for each image that has none.

    Attributes:
        codes: Shard -> code, where it is not `code`.
    """

    attempt: int
    shards: int
    code: Code
    message: str
    codes: Mapping[int, Code] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResults:
    """Write the outcomes of a pool job to S3 as the lines of shard 0."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Write the status, if the job is still the one that was read."""

    status: Status


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell whoever waits for the job how it stands."""

    change: Change


@dataclass(frozen=True, slots=True)
class Emit:
    """Post an event for people."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Begin to deliver the callback, unless this very try is under way; its answer brings the next look."""

    delivery: DeliveryId


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the live progress from the board: of a job that goes, or of the attempt before.

    That of an ended job goes by itself.
    """


@dataclass(frozen=True, slots=True)
class DeleteFiles:
    """Delete the job's working files and the uploads that came with it, never outputs."""


@dataclass(frozen=True, slots=True)
class DeleteOutputs:
    """Delete the results of the job, and nothing else that lies under their prefix."""

    shards: int


@dataclass(frozen=True, slots=True)
class DeleteImageJob:
    """Delete the ImageJob itself."""


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Let the deletion of the ImageJob wait until its outputs are deleted."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the deletion of the ImageJob come to its end."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """Look at the job again after so many seconds."""

    after_seconds: float


Action = (
    SendTasks | WithdrawTasks | PutCounts | PrepareShards | CreateJob | SuspendJob | SetParallelism | DeleteJob | CollectResults
    | FillMissing | WriteResults | WriteStatus | Announce | Emit | Deliver | Forget | DeleteFiles | DeleteOutputs | DeleteImageJob
    | AddFinalizer | RemoveFinalizer | Requeue
)  # fmt: skip
USES_STORAGE = (PrepareShards, CollectResults, FillMissing, WriteResults, DeleteFiles, DeleteOutputs)
"""What fails when S3 does."""
CAN_BE_MISSED = (PutCounts, Announce, Emit, Deliver, Forget)
"""What nothing depends on: a failure is logged, and the plan goes on."""
