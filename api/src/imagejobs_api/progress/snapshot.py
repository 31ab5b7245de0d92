"""A job as it was when it was read, and its events. Pure."""

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
    """A job as it was when it was read; each of its events is formatted once, for all clients.

    Attributes:
        read_indexes: The images whose outcomes were read, finished or not.
        outcomes: The outcomes of the finished ones among them.
    """

    job: ImageJob
    counts: Counts
    read_indexes: frozenset[int]
    outcomes: Mapping[int, Outcome]
    _events: dict[int | None, tuple[EventId, bytes]] = field(default_factory=dict, compare=False)

    def event(self, index: int | None) -> tuple[EventId, bytes] | None:
        """Return the id and the text of the event for the job, or for one image of it.

        None means that the outcome of the image was not read.
        """
        if index is not None and index not in self.read_indexes:
            return None
        if index not in self._events:
            target, outcome = JobOrImage(self.job, index), None if index is None else self.outcomes.get(index)
            event_id = (
                sse.job_event_id(target, self.counts) if index is None else sse.item_event_id(target, outcome)
            )
            body = job_progress(target, self.counts) if index is None else item_progress(target, outcome)
            self._events[index] = event_id, sse.format_event(event_id, body)
        return self._events[index]
