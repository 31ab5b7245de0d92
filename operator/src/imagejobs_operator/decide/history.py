"""The history of one job in this process: a plain value that `act.memory` keeps and `plan` reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_operator.decide.deliveries import DeliveryResult
from imagejobs_operator.decide.moments import Moments


@dataclass(frozen=True, slots=True)
class History:
    """Facts about a job that only this process remembers.

    A restart loses them. Then some writes come earlier than needed; nothing else changes. All times are
    those of the clock that only counts (`moments`).

    Attributes:
        first_seen: When this process first saw the job.
        is_new: Whether the current reconcile is the first one.
        written: When the status was last written.
        announced: When counts were last announced.
        announced_counts: The counts that were announced then.
        deleting_since: When this process first saw that the job is being deleted.
        tasks_cancelled: When the tasks of the job were first cancelled after its deletion was asked for.
        delivery_result: The result of the last try to deliver the job's callback.
        skip_resync_until: The resync skips the job until then; events still bring it back.
        reported: Outcomes that arrived with wake-ups of workers, by index; of a small pool job only.
        tasks_left: Tasks of the job that were on the queue at the last of these wake-ups.
        sent_attempt: The attempt whose tasks this process put on the pool's queue last; 0 for none.
        moments: When the stamps of the job and its Job were, on this process's clock.
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
    sent_attempt: int = 0
    moments: Moments = field(default_factory=dict)

    def knows_all_outcomes(self, total: int, attempt: int) -> bool:
        """Return whether wake-ups reported every image of an attempt, and no task of the job is left."""
        return (
            not self.tasks_left
            and len(self.reported) == total
            and all(outcome.attempt == attempt for outcome in self.reported.values())
        )
