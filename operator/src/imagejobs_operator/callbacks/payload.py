"""What a callback says: its id and its body (pure).

The same for each try, so that whoever is told twice can see it.

The body has the words of the HTTP API. It names no links to results: links are signed when they are asked
for, by `results_url`.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Callback
from imagejobs_contract.model.times import format_time
from imagejobs_contract.wire.callback_message import EVENT, FinishedBody, FinishedImageBody, FinishedJobBody

MAX_BODY_BYTES = 64 * 1024
"""Larger ones are sent without what can be asked for."""


class ResponseKind(StrEnum):
    """How one try ended."""

    DELIVERED = "Delivered"
    FAILED = "Failed"
    REFUSED = "Refused"
    GONE = "Gone"


@dataclass(frozen=True, slots=True)
class DeliveryId:
    """One try to deliver one message.

    Attributes:
        message: The `webhook-id`: one for each attempt of each job.
        repeats: Of the callback, as recorded before the try.
        tries: The same.
    """

    message_id: str
    repeats: int
    tries: int


class Response(NamedTuple):
    """How one message was received.

    Attributes:
        why: In words for people.
        after_seconds: How long the receiver asked to be left alone (`Retry-After`); 0 if it did not.
    """

    kind: ResponseKind
    reason: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How a try ended."""

    delivery: DeliveryId
    response: Response


def delivery_id(job: ImageJob, callback: Callback) -> DeliveryId:
    """Return the try that is due; a dot would end the id within what is signed."""
    return DeliveryId(f"msg_{job.uid.replace('-', '')}_{callback.attempt}", callback.repeats, callback.tries)


def make_body(job: ImageJob, public_url: str) -> bytes:
    """Return the JSON that is sent.

    Args:
        public_url: What links to the API begin with; "" leaves their paths.
    """
    data = _facts(job, f"{public_url}/api/jobs/{job.key.name}")
    whole = _dump(job, data)
    # 16 images may have 16 results each, with keys of 1 kB.
    return whole if len(whole) <= MAX_BODY_BYTES else _dump(job, {**data, "images": None})


def _dump(job: ImageJob, data: FinishedJobBody) -> bytes:
    message: FinishedBody = {"type": EVENT, "timestamp": _time(job.status.completed), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _facts(job: ImageJob, url: str) -> FinishedJobBody:
    status, counts = job.status, job.status.counts
    return {
        "job_id": job.key.name,
        "name": job.annotations.get(names.ANNOTATION_TITLE),
        "state": status.state,
        "total": counts.total,
        "done": counts.succeeded,  # as everywhere over HTTP: images that have their result
        "failed": counts.failed,
        "attempt": status.callback.attempt if status.callback else status.attempt,
        "created": _time(job.created),
        "started": _time(status.started),
        "completed": _time(status.completed),
        "duration_seconds": status.duration_seconds,
        "bytes_in": status.bytes_in,
        "bytes_out": status.bytes_out,
        "failures": [
            {"name": each.name, "code": each.code, "message": each.message} for each in status.failures
        ],
        "failure_codes": list(status.failure_codes),
        "images": [_image(job, each) for each in status.outcomes],
        "job_url": url,
        "results_url": f"{url}/results",
    }


def _image(job: ImageJob, outcome: Outcome) -> FinishedImageBody:
    return {
        "job_id": names.sub_job_id(job.key.name, outcome.index),
        "name": outcome.name,
        "state": outcome.state,
        "bytes_in": outcome.bytes_in,
        "outputs": [
            {
                "variant": each.variant, "key": each.key, "width": each.width, "height": each.height, "format": each.format,
                "bytes": each.bytes, "kept_original": each.kept_original,
            }
            for each in outcome.outputs
        ],
        "error": {"code": outcome.code, "message": outcome.message} if outcome.code else None,
    }  # fmt: skip


def _time(time: datetime | None) -> str | None:
    return format_time(time) if time else None
