"""Ids and links that examples share. The test puts real ones in their place."""

API = "http://127.0.0.1:8080"
IMAGE_JOB = "j1m860h1ax7za8ahhbpy"
"""A job of one image, that succeeded."""
BATCH = "j1m860h1w78x5ba8p6s8"
"""A batch of three that ended; its last file is no image."""
CALLED = "j1m860h2b5rk0t7c3n9d"
"""A job of one image that named a callback, which was delivered."""
UNENDED = "j1m860h3c1pq7v5xw2ka"
"""A job of two images by URL; one has its result, and the other is yet to come."""
ABSENT = "j1m860h1absent0000000"


def progress_url(identifier: str) -> str:
    """Return where a progress is told."""
    return f"{API}/api/progress/{identifier}"


def signed(name: str, identifier: str = IMAGE_JOB) -> str:
    """Return a signed link, without most of its signature."""
    return f"http://127.0.0.1:8333/imagejobs/outputs/{identifier}/{name}?X-Amz-Expires=3600&X-Amz-Signature=99d38a33"


def problem(code: str, status: int, title: str, detail: str = "", **more: object) -> dict[str, object]:
    """Return an error; without a detail its title is all there is to say."""
    told = {
        "type": f"urn:imagejobs:error:{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
    }
    return told | {"retryable": False, "errors": []} | more
