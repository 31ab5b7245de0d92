"""The result of one image as an element of a list. Pure."""

from collections.abc import Iterable
from typing import TypedDict

from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.view import states
from imagejobs_api.view.links import Links
from imagejobs_api.view.output_body import ResultOutputBody, output_body
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.wire.json_types import Count

IndexedOutcome = tuple[int, Outcome | None]
"""The number of an image, and its outcome if it has one."""


class ResultBody(TypedDict):
    """The result of one image.

    Attributes:
        job_id: The job's id, a hyphen and the number of the image, from 0.
        bytes_in: Size of the source; null before the image has finished.
        outputs: One for each variant; none before the image has finished.
    """

    job_id: str
    name: str
    state: State
    bytes_in: Count | None
    outputs: list[ResultOutputBody]
    error: ErrorBody | None


def result_body(job: ImageJob, index: int, outcome: Outcome | None, links: Links) -> ResultBody:
    """Return the result of one image; before it has finished it has a state and no outputs."""
    name = (outcome.name if outcome else "") or job.item_name(index)
    return {
        "job_id": names.sub_job_id(job.key.name, index),
        "name": name,
        "state": states.item_state(job, outcome),
        "bytes_in": outcome.bytes_in if outcome else None,
        "outputs": [output_body(name, index, each, links) for each in (outcome.outputs if outcome else ())],
        "error": states.item_error(job, outcome),
    }


def result_bodies(job: ImageJob, found: Iterable[IndexedOutcome], links: Links) -> list[ResultBody]:
    """Return the results of some images."""
    return [result_body(job, index, outcome, links) for index, outcome in found]
