"""Ids and links that the examples share. The test replaces them by real ones."""

from imagejobs_contract.codes import Code, meaning

API = "http://127.0.0.1:8080"
IMAGE_JOB = "j1m860h1ax7za8ahhbpy"
"""A job of one image that succeeded."""
UID = "0c7f1e8a-4b4c-4f9e-8d1a-3b5c7d9e0f12"
"""The uid of each of these jobs, for brevity."""
BATCH = "j1m860h1w78x5ba8p6s8"
"""A batch of three files that ended; the last file is not an image."""
CALLED = "j1m860h2b5rk0t7c3n9d"
"""A job of one image with a callback, which was delivered."""
UNENDED = "j1m860h3c1pq7v5xw2ka"
"""A job of two images by URL, of which one has finished."""
ABSENT = "j1m860h1absent0000000"


WATCH = f"{API}/watch/AWpW8fVp0..."
"""A watch link, cut short."""


NOT_AN_IMAGE = {
    "code": "not_an_image",
    "message": "The file is not an image.",
    "advice": "Check the file: it is something else, or was cut at its beginning.",
    "retryable": False,
}
"""The error of the last file of `BATCH`."""


def progress_url(identifier: str) -> str:
    """Return the URL of a progress."""
    return f"{API}/api/progress/{identifier}"


def prefix(identifier: str = IMAGE_JOB) -> str:
    """Return the prefix of a job's results."""
    return f"outputs/default.{identifier}.{UID}"


def signed_url(name: str, identifier: str = IMAGE_JOB) -> str:
    """Return a signed link, without most of its signature."""
    signature = "X-Amz-Expires=3600&X-Amz-Signature=99d38a33"
    return f"http://127.0.0.1:8333/imagejobs/{prefix(identifier)}/{name}?{signature}"


def problem(code: str, status: int, title: str, detail: str = "", **more: object) -> dict[str, object]:
    """Return the body of an error; without `detail` its detail is its title."""
    body = {
        "type": f"urn:imagejobs:error:{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
        "advice": meaning(Code(code)).advice,
    }
    return body | {"retryable": False, "errors": []} | more
