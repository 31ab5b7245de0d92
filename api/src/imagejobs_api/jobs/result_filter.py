"""Which results a caller asks for: by the state of the image, and by the codes of its error. Pure."""

from collections.abc import Set
from dataclasses import dataclass

from imagejobs_api.view import states
from imagejobs_contract.codes import OF_AN_IMAGE
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.reader import Reader

FIELDS = ("state", "code")
MAX_CODES_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Chooses images; without state and codes it takes all.

    Attributes:
        codes: Of errors; an image without an error then is not taken.
    """

    state: State | None = None
    codes: Set[str] = frozenset()

    @property
    def takes_all(self) -> bool:
        """Return whether every image is taken."""
        return self.state is None and not self.codes

    def takes(self, job: ImageJob, outcome: Outcome | None) -> bool:
        """Return whether an image is taken, by its outcome or, before it has one, by its job."""
        if self.state is not None and states.item_state(job, outcome) is not self.state:
            return False
        error = states.item_error(job, outcome) if self.codes else None
        return not self.codes or (error is not None and error["code"] in self.codes)

    @property
    def query(self) -> dict[str, str | None]:
        """Return the parameters, for the link to the next page."""
        return {"state": self.state.value if self.state else None, "code": ",".join(sorted(self.codes))}


def read_filter(reader: Reader) -> ResultFilter:
    """Return the filter of a query; faults go to the reader."""
    text = reader.text("code", MAX_CODES_LENGTH) or ""
    codes = frozenset(each.strip() for each in text.split(",")) - {""}
    for each in sorted(codes - set(OF_AN_IMAGE)):
        reader.fault("code", f"{each!r} is no code of an image; those are {' '.join(OF_AN_IMAGE)}")
    return ResultFilter(reader.choice("state", State), codes)
