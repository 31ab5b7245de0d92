"""The message that a callback brings: the operator writes it, the API's document tells of it.

The words are the HTTP API's.
"""

from typing import Literal, TypedDict

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import ItemState
from imagejobs_contract.model.status import State
from imagejobs_contract.wire.json_types import Count, Pixels, Time

EVENT: Literal["imagejob.finished"] = "imagejob.finished"


class FinishedFailureBody(TypedDict):
    """A failed image.

    Attributes:
        code: The code of its error.
    """

    name: str
    code: str
    message: str


class FinishedOutputBody(TypedDict):
    """A result.

    Attributes:
        key: In the bucket.
        kept_original: The original was copied, as the result would not have been smaller.
    """

    variant: str
    key: str
    width: Pixels
    height: Pixels
    format: Format
    bytes: Count
    kept_original: bool


class FinishedErrorBody(TypedDict):
    """Why an image has no result."""

    code: Code
    message: str


class FinishedImageBody(TypedDict):
    """What became of an image."""

    job_id: str
    name: str
    state: ItemState
    bytes_in: Count
    outputs: list[FinishedOutputBody]
    error: FinishedErrorBody | None


class FinishedJobBody(TypedDict):
    """The job that ended.

    Attributes:
        namespace: Of the ImageJob; with `job_id` it names the job in its cluster.
        uid: Of the ImageJob. A job that later gets the same `job_id` has another.
        name: What its caller calls it; null for one without a name.
        done: Images that have their result.
        attempt: 1, and one more for each retry.
        bytes_saved: How much smaller the results are than the sources; negative if they are larger.
        saved_percent: The same in percent of the sources; null without sources.
        cpu_seconds: Processor time of decoding, resizing and encoding.
        failures: The first failed images.
        images: Of jobs of up to 16 images that ran in the pool; null where they would make the message too
            large.
        job_url: A path, unless the operator knows `PUBLIC_URL`.
        results_url: The same.
    """

    job_id: str
    namespace: str
    uid: str
    name: str | None
    state: State
    total: Count
    done: Count
    failed: Count
    attempt: Count
    created: Time | None
    started: Time | None
    completed: Time | None
    duration_seconds: Count | None
    bytes_in: Count
    bytes_out: Count
    bytes_saved: int
    saved_percent: int | None
    cpu_seconds: float
    failures: list[FinishedFailureBody]
    failure_codes: list[str]
    images: list[FinishedImageBody] | None
    job_url: str
    results_url: str


class FinishedBody(TypedDict):
    """The message, in the form of Standard Webhooks."""

    type: Literal["imagejob.finished"]
    timestamp: Time | None
    data: FinishedJobBody
