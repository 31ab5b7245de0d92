"""The bodies that answer a POST. Pure: everything is handed in."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagejobs_api import links, states
from imagejobs_api.errors import error_body
from imagejobs_api.links import Links
from imagejobs_contract import names
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.status import State


def resize_body(job: ImageJob, outcome: Outcome | None, base: str, signer: Links) -> dict[str, Any]:
    """Return the answer for a job of one image. Facts of the result are null until it is there.

    Args:
        base: What links to this API begin with.
    """
    name = job.key.name
    output = outcome.outputs[0] if outcome and outcome.outputs else None
    return {
        "job_id": name,
        "state": job.status.state.value,
        "progress_url": links.progress(base, name),
        "download_url": signer.signed(job.item_name(0), 0, output) if output else links.download(base, name),
        "width": output.width if output else None,
        "height": output.height if output else None,
        "format": output.format.value if output else None,
        "bytes": output.bytes if output else None,
        "error": states.item_error(job, outcome),
    }


def batch_body(
    job: ImageJob, outcomes: Mapping[int, Outcome], refusals: Sequence[ImageFailed | None], base: str, signer: Links
) -> dict[str, Any]:  # fmt: skip
    """Return the answer for a batch: an entry per file, in the order of the request.

    Args:
        refusals: Per file, why it was refused at once, or None.
        base: What links to this API begin with.
    """
    return {
        "batch_job_id": job.key.name,
        "experimental": True,
        "state": job.status.state.value,
        "progress_url": links.progress(base, job.key.name),
        "image_jobs": [_entry(job, n, outcomes.get(n), refusal, base, signer) for n, refusal in enumerate(refusals)],
    }


def _entry(job: ImageJob, index: int, outcome: Outcome | None, refusal: ImageFailed | None, base: str, signer: Links) -> dict[str, Any]:
    identifier = names.sub_job_id(job.key.name, index)
    state = states.item_state(job, outcome)
    error = states.item_error(job, outcome)
    if refusal is not None and outcome is None:
        state, error = State.FAILED, error_body(refusal.code, refusal.message)
    link = links.download(base, identifier)
    if outcome and outcome.outputs:
        link = signer.signed(job.item_name(index), index, outcome.outputs[0])
    return {
        "job_id": identifier,
        "name": job.item_name(index),
        "state": state.value,
        "download_url": None if error else link,
        "progress_url": links.progress(base, identifier),
        "error": error,
    }
