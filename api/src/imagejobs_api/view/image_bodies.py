"""The bodies that answer a POST of images. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from imagejobs_api.http.errors import ErrorBody, error_body
from imagejobs_api.view import api_urls, states
from imagejobs_api.view.links import Links
from imagejobs_api.view.output_body import ResultOutputBody, output_body, placeholder_body
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.wire.json_types import Count, Pixels, Url


class ImageBody(TypedDict):
    """A job of one image. The fields about its result are null until the result exists.

    Attributes:
        job_id: The id of the job, for every other call.
        progress_url: The URL of its progress.
        watch_url: An address for whoever has no key: it shows this job, and expires. Null on a server without
            `WATCH_SECRETS`.
        download_url: A signed link to the result, which needs no key and expires; before the result exists,
            the URL that redirects to it, and needs no key either if there is a `watch_url`.
        width: Pixels of the result.
        height: Pixels of the result.
        format: Encoding of the result.
        bytes: Size of the result.
        kept_original: The result is the original file, because it would not have been smaller
            (`only_if_smaller`).
        thumbhash: The ThumbHash of the result in base64, if `placeholder` was asked for.
        main_colour: The main colour of the result as `#rrggbb`, if `placeholder` was asked for.
        outputs: One for each variant, if there are several: then the fields above are those of the first.
            None before the results exist.
        error: Why there is no result.
    """

    job_id: str
    state: State
    progress_url: Url
    watch_url: Url | None
    download_url: Url
    width: Pixels | None
    height: Pixels | None
    format: Format | None
    bytes: Count | None
    kept_original: bool | None
    thumbhash: NotRequired[str]
    main_colour: NotRequired[str]
    outputs: NotRequired[list[ResultOutputBody]]
    error: ErrorBody | None


class BatchEntryBody(TypedDict):
    """One image of a batch.

    Attributes:
        job_id: The batch's id, a hyphen and the number of the image, from 0.
        name: The name of the file, made distinct within the batch.
        download_url: As for a single image; null if the image failed.
        progress_url: The URL of the progress of this image alone.
        kept_original: As for a single image; null until the result exists.
        outputs: As for a single image.
        error: Why there is no result.
    """

    job_id: str
    name: str
    state: State
    download_url: Url | None
    progress_url: Url
    kept_original: bool | None
    outputs: NotRequired[list[ResultOutputBody]]
    error: ErrorBody | None


class BatchBody(TypedDict):
    """A job of many images.

    Attributes:
        batch_job_id: The id of the job, for every other call.
        experimental: The shape of this answer may still change.
        progress_url: The URL of the progress of the whole batch.
        watch_url: As for a single image; shows the whole batch.
        image_jobs: The images, in the order of the request.
    """

    batch_job_id: str
    experimental: Literal[True]
    state: State
    progress_url: Url
    watch_url: Url | None
    image_jobs: list[BatchEntryBody]


def image_body(job: ImageJob, outcome: Outcome | None, base: str, links: Links) -> ImageBody:
    """Return the answer for a job of one image.

    Args:
        base: The result of `Links.base_url`.
    """
    name = job.key.name
    output = outcome.outputs[0] if outcome and outcome.outputs else None
    link = links.sign(job.item_name(0), 0, output) if output else links.redirect(job, 0, base, name)
    body: ImageBody = {
        "job_id": name,
        "state": job.status.state,
        "progress_url": api_urls.progress(base, name),
        "watch_url": links.watch(job, base),
        "download_url": link,
        "width": output.width if output else None,
        "height": output.height if output else None,
        "format": output.format if output else None,
        "bytes": output.bytes if output else None,
        "kept_original": output.kept_original if output else None,
        "error": states.item_error(job, outcome),
    }
    # mypy takes only the very same TypedDict.
    body |= placeholder_body(output)  # type: ignore[typeddict-item]
    if len(job.spec.variants) > 1:
        body["outputs"] = _outputs(job, 0, outcome, links)
    return body


def batch_body(
    job: ImageJob, outcomes: Mapping[int, Outcome], refusals: Sequence[ImageFailed | None], base: str, links:
    Links
) -> BatchBody:  # fmt: skip
    """Return the answer for a batch: an entry per file, in the order of the request.

    Args:
        refusals: For each file, why it was refused before the job was made, or None.
        base: The result of `Links.base_url`.
    """
    return {
        "batch_job_id": job.key.name,
        "experimental": True,
        "state": job.status.state,
        "progress_url": api_urls.progress(base, job.key.name),
        "watch_url": links.watch(job, base),
        "image_jobs": [
            _entry(job, n, outcomes.get(n), refusal, base, links) for n, refusal in enumerate(refusals)
        ],
    }


def _entry(
    job: ImageJob, index: int, outcome: Outcome | None, refusal: ImageFailed | None, base: str, links: Links
) -> BatchEntryBody:
    identifier = names.sub_job_id(job.key.name, index)
    state = states.item_state(job, outcome)
    error = states.item_error(job, outcome)
    if refusal is not None and outcome is None:
        state, error = State.FAILED, error_body(refusal.code, refusal.message)
    link, kept = links.redirect(job, index, base, identifier), None
    if outcome and outcome.outputs:
        kept = outcome.outputs[0].kept_original
        link = links.sign(job.item_name(index), index, outcome.outputs[0])
    body: BatchEntryBody = {
        "job_id": identifier,
        "name": job.item_name(index),
        "state": state,
        "download_url": None if error else link,
        "progress_url": api_urls.progress(base, identifier),
        "kept_original": kept,
        "error": error,
    }
    if len(job.spec.variants) > 1:
        body["outputs"] = _outputs(job, index, outcome, links)
    return body


def _outputs(job: ImageJob, index: int, outcome: Outcome | None, links: Links) -> list[ResultOutputBody]:
    name = job.item_name(index)
    return [output_body(name, index, each, links) for each in (outcome.outputs if outcome else ())]
