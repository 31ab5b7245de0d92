"""Absolute URLs of this API's own resources. Pure.

The base is the result of `Links.base_url`.
"""


def job(base: str, job_id: str) -> str:
    """Return the URL of a job."""
    return f"{base}/api/jobs/{job_id}"


def progress(base: str, identifier: str) -> str:
    """Return the URL of the progress of a job, or of one image of it."""
    return f"{base}/api/progress/{identifier}"


def download(base: str, identifier: str) -> str:
    """Return the URL that redirects to a result, by a link that is signed anew each time."""
    return f"{base}/api/download/{identifier}"


def watch(base: str, ticket: str) -> str:
    """Return the URL by which anyone may watch the job of a ticket."""
    return f"{base}/watch/{ticket}"
