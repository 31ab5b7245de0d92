"""The body that shows a job to whoever has its watch link. Pure."""

from imagejobs_api.view.job_body import FailureBody, failure_bodies
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_api.view.progress_body import ProgressBody, job_progress
from imagejobs_api.view.receipt_body import ReceiptBody, receipt_body
from imagejobs_api.view.watch_tickets import Ticket
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.times import format_optional_time
from imagejobs_contract.wire.json_types import Count, Time, Url


class WatchBody(ProgressBody, ReceiptBody):
    """A job as a watch link shows it.

    Attributes:
        name: The caller's own name for the job; null without one.
        duration_seconds: Seconds from its first image to its end.
        estimated_remaining_seconds: Seconds until its end, while it runs.
        failures: The first failed images.
        expires: When the link ends.
        events_url: Its progress as Server-Sent Events.
        results_url: The result of each image.
        archive_url: All results as a zip, when the job has ended.
    """

    name: str | None
    created: Time | None
    started: Time | None
    completed: Time | None
    duration_seconds: Count | None
    estimated_remaining_seconds: Count | None
    failures: list[FailureBody]
    expires: Time | None
    events_url: Url
    results_url: Url
    archive_url: Url


def watch_body(job: ImageJob, counts: Counts, ticket: Ticket, address: str) -> WatchBody:
    """Return a job as a watch link shows it.

    Args:
        address: The watch link.
    """
    status = job.status
    return {
        **job_progress(JobOrImage(job), counts),
        "name": job.annotations.get(names.ANNOTATION_TITLE),
        "created": format_optional_time(job.created),
        "started": format_optional_time(status.started),
        "completed": format_optional_time(status.completed),
        "duration_seconds": status.duration_seconds,
        "estimated_remaining_seconds": status.estimated_remaining_seconds,
        **receipt_body(status.receipt),
        "failures": failure_bodies(job),
        "expires": format_optional_time(ticket.expiry),
        "events_url": f"{address}/events",
        "results_url": f"{address}/results",
        "archive_url": f"{address}/archive",
    }
