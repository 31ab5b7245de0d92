"""The body of a callback (pure). It is the same for each try, so that a receiver can recognise a repeat.

The body uses the words of the HTTP API. It holds no signed links: `results_url` returns fresh ones.
"""

import json
from datetime import datetime

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.times import format_time
from imagejobs_contract.wire.callback_message import EVENT, FinishedBody, FinishedImageBody, FinishedJobBody

MAX_BODY_BYTES = 64 * 1024
"""Larger bodies are sent without `images`, which the receiver can read from `results_url`."""


def make_body(job: ImageJob, public_url: str) -> bytes:
    """Return the JSON body of a job's callback.

    Args:
        public_url: Base of the links to the API; with "" they are paths.
    """
    data = _make_data(job, f"{public_url}/api/jobs/{job.key.name}")
    whole = _dump(job, data)
    # 16 images may have 16 results each, with keys of 1 kB.
    return whole if len(whole) <= MAX_BODY_BYTES else _dump(job, {**data, "images": None})


def _dump(job: ImageJob, data: FinishedJobBody) -> bytes:
    message: FinishedBody = {"type": EVENT, "timestamp": _format(job.status.completed), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _make_data(job: ImageJob, url: str) -> FinishedJobBody:
    status, counts = job.status, job.status.counts
    return {
        "job_id": job.key.name,
        "namespace": job.key.namespace,
        "uid": job.uid,
        "name": job.annotations.get(names.ANNOTATION_TITLE),
        "state": status.state,
        "total": counts.total,
        "done": counts.succeeded,  # as everywhere over HTTP: images that have their result
        "failed": counts.failed,
        "attempt": status.callback.attempt if status.callback else status.attempt,
        "created": _format(job.created),
        "started": _format(status.started),
        "completed": _format(status.completed),
        "duration_seconds": status.duration_seconds,
        "bytes_in": status.bytes_in,
        "bytes_out": status.bytes_out,
        "bytes_saved": status.receipt.bytes_saved,
        "saved_percent": status.receipt.saved_percent,
        "cpu_seconds": status.receipt.cpu_seconds,
        "failures": [
            {"name": each.name, "code": each.code, "message": each.message} for each in status.failures
        ],
        "failure_codes": list(status.failure_codes),
        "images": [_make_image(job, each) for each in status.outcomes],
        "job_url": url,
        "results_url": f"{url}/results",
    }


def _make_image(job: ImageJob, outcome: Outcome) -> FinishedImageBody:
    return {
        "job_id": names.sub_job_id(job.key.name, outcome.index),
        "name": outcome.name,
        "state": outcome.state,
        "bytes_in": outcome.bytes_in,
        "outputs": [
            {
                "variant": each.variant,
                "key": each.key,
                "width": each.width,
                "height": each.height,
                "format": each.format,
                "bytes": each.bytes,
                "kept_original": each.kept_original,
            }
            for each in outcome.outputs
        ],
        "error": {"code": outcome.code, "message": outcome.message} if outcome.code else None,
    }


def _format(time: datetime | None) -> str | None:
    return format_time(time) if time else None
