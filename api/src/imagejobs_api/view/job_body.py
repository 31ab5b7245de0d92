"""The bodies that show a job: in a list, and alone with its spec. Pure."""

from typing import TypedDict

from imagejobs_api.view import api_urls
from imagejobs_api.view.links import Links
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_api.view.progress_body import ProgressBody, job_progress
from imagejobs_api.view.receipt_body import ReceiptBody, receipt_body
from imagejobs_api.view.spec_view import SpecBody, spec_body
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import CallbackState, ConditionType
from imagejobs_contract.model.times import format_optional_time
from imagejobs_contract.wire.json_types import Count, Time, Url


class JobSummaryBody(ProgressBody):
    """A job as an element of the list: its progress, its times, and links to more.

    Attributes:
        name: The caller's own name for the job; null without one.
        watch_url: An address for whoever has no key: it shows this job, and expires. Null on a server without
            `WATCH_SECRETS`.
    """

    name: str | None
    created: Time | None
    started: Time | None
    completed: Time | None
    progress_url: Url
    results_url: Url
    watch_url: Url | None


class CallbackBody(TypedDict):
    """The delivery of the job's callback.

    Attributes:
        state: Null before the job's end.
        tries: Times it was sent.
        next: When it is sent again.
        message: The result of the last try.
    """

    url: str
    state: CallbackState | None
    tries: Count
    next: Time | None
    message: str


class FailureBody(TypedDict):
    """A failed image.

    Attributes:
        code: The code of its error.
    """

    name: str
    code: str
    message: str


class JobBody(JobSummaryBody, ReceiptBody):
    """Everything about one job except the results of its images.

    Attributes:
        attempt: 1, and one more for each retry that ran; 0 before the operator has seen the job.
        deleting: The job and its outputs are being deleted.
        duration_seconds: Seconds from its first image to its end.
        estimated_remaining_seconds: Seconds until its end, while it runs.
        callback: Null without one.
        failures: The first failed images.
        failure_codes: Every code with which an image failed.
    """

    attempt: Count
    deleting: bool
    duration_seconds: Count | None
    estimated_remaining_seconds: Count | None
    callback: CallbackBody | None
    failures: list[FailureBody]
    failure_codes: list[str]
    spec: SpecBody


def summary_body(job: ImageJob, counts: Counts, base: str, links: Links) -> JobSummaryBody:
    """Return a job as an element of the list.

    Args:
        base: The result of `Links.base_url`.
    """
    job_id, status = job.key.name, job.status
    return {
        **job_progress(JobOrImage(job), counts),
        "name": job.annotations.get(names.ANNOTATION_TITLE),
        "created": format_optional_time(job.created),
        "started": format_optional_time(status.started),
        "completed": format_optional_time(status.completed),
        "progress_url": api_urls.progress(base, job_id),
        "results_url": f"{api_urls.job(base, job_id)}/results",
        "watch_url": links.watch(job, base),
    }


def details_body(job: ImageJob, counts: Counts, base: str, links: Links) -> JobBody:
    """Return a job with its spec, for `GET /api/jobs/{id}` and the commands."""
    status = job.status
    return {
        **summary_body(job, counts, base, links),
        "attempt": status.attempt,
        "deleting": job.deleting,
        "duration_seconds": status.duration_seconds,
        "estimated_remaining_seconds": status.estimated_remaining_seconds,
        **receipt_body(status.receipt),
        "callback": _callback(job),
        "failures": failure_bodies(job),
        "failure_codes": list(job.status.failure_codes),
        "spec": spec_body(job.spec),
    }


def failure_bodies(job: ImageJob) -> list[FailureBody]:
    """Return the first failed images of a job."""
    return [{"name": each.name, "code": each.code, "message": each.message} for each in job.status.failures]


def _callback(job: ImageJob) -> CallbackBody | None:
    if job.spec.callback_url is None:
        return None
    delivery, condition = job.status.callback, job.status.condition(ConditionType.CALLBACK_DELIVERED)
    return {
        "url": job.spec.callback_url,
        "state": delivery.state if delivery else None,
        "tries": delivery.tries if delivery else 0,
        "next": format_optional_time(delivery.next) if delivery else None,
        "message": condition.message if condition else "",
    }
