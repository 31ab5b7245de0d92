"""How a job stood when it was looked at, and the events that tell it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagejobs_api.progress import sse
from imagejobs_api.progress.sse import EventId
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_api.view.progress_body import item_progress, job_progress
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A look at a job; what it says is written once, however many are told.

    Attributes:
        looked: The images that were looked up, ended or not.
        outcomes: Of these, how those ended that did.
    """

    job: ImageJob
    counts: Counts
    read_indexes: frozenset[int]
    outcomes: Mapping[int, Outcome]
    _events: dict[int | None, tuple[EventId, bytes]] = field(default_factory=dict, compare=False)

    def event(self, index: int | None) -> tuple[EventId, bytes] | None:
        """Return how far the job is, or one of its images, and the event that tells it; None of an image that was not looked up."""
        if index is not None and index not in self.read_indexes:
            return None
        if index not in self._events:
            found, outcome = JobOrImage(self.job, index), None if index is None else self.outcomes.get(index)
            place = (
                sse.job_event_id(found, self.counts) if index is None else sse.item_event_id(found, outcome)
            )
            body = job_progress(found, self.counts) if index is None else item_progress(found, outcome)
            self._events[index] = place, sse.format_event(place, body)
        return self._events[index]
