"""How a job stood when it was looked at, and the events that tell it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagejobs_api.progress import sse
from imagejobs_api.progress.sse import Place
from imagejobs_api.view.lookup import Found
from imagejobs_api.view.progress_body import item_body, job_body
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Moment:
    """A look at a job; what it says is written once, however many are told.

    Attributes:
        looked: The images that were looked up, ended or not.
        outcomes: Of these, how those ended that did.
    """

    job: ImageJob
    counts: Counts
    looked: frozenset[int]
    outcomes: Mapping[int, Outcome]
    _told: dict[int | None, tuple[Place, bytes]] = field(default_factory=dict, compare=False)

    def event(self, index: int | None) -> tuple[Place, bytes] | None:
        """Return how far the job is, or one of its images, and the event that tells it; None of an image that was not looked up."""
        if index is not None and index not in self.looked:
            return None
        if index not in self._told:
            found, outcome = Found(self.job, index), None if index is None else self.outcomes.get(index)
            place = sse.job_place(found, self.counts) if index is None else sse.item_place(found, outcome)
            body = job_body(found, self.counts) if index is None else item_body(found, outcome)
            self._told[index] = place, sse.event(place, body)
        return self._told[index]
