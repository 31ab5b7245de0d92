"""A job that is stopped while an image is in work: nothing that had to be deleted stays in S3."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from imagejobs_contract.wire import s3_keys
from support.api.client import ApiClient
from support.clock.waiting import eventually, happens
from support.servers import local_stack
from support.servers.image_server import ImageSite, image_site

ENVIRON = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.1/32", "OUTPUT_PREFIXES": "site/", "LEASE_SECONDS": "6"}
GONE_SECONDS = 80.0
"""A lease, a call to S3, and looks."""
LATE_SECONDS = 2.0
"""A worker that stores nothing by then knows that it must not."""


@dataclass(frozen=True)
class Wish:
    """A job of one image, and how it goes.

    Attributes:
        cancelled: It is cancelled first, and then deleted with `outputs=true`; else it is deleted while it
            runs, as `kubectl delete` does.
        prefix: Chosen for its outputs.
    """

    name: str
    execution: str
    cancelled: bool
    prefix: str = ""


WISHES = (
    Wish("pool-cancelled", "Pool", cancelled=True), Wish("pool-deleted", "Pool", cancelled=False),
    Wish("pool-chosen", "Pool", True, "site/pool/"),
    Wish("shard-cancelled", "Job", cancelled=True), Wish("shard-deleted", "Job", cancelled=False),
    Wish("shard-chosen", "Job", False, "site/shard/"),
)  # fmt: skip


@pytest.fixture
def site() -> Iterator[ImageSite]:
    with image_site() as site:
        yield site


@pytest.fixture
def stack(tmp_path) -> Iterator[local_stack.LocalStack]:
    with local_stack.running(tmp_path / "data", "--workers", "1", environ=ENVIRON) as running:
        yield running


def begun(url: str, site: ImageSite, wish: Wish) -> str:
    """Make the job, and return its id when its image is in hand."""
    path = f"/{wish.name}.jpg"
    site.bodies[path] = local_stack.photo(64, 48)
    site.hold(path)
    output = {} if wish.cancelled else {"deletion_policy": "Delete"}
    output |= {"prefix": wish.prefix} if wish.prefix else {}
    body = {
        "items": [{"url": site.url(path)}],
        "variants": [{"width": 16}],
        "output": output,
        "execution": wish.execution,
    }
    answer = httpx2.post(f"{url}/api/jobs", json=body, timeout=60)
    assert answer.status_code == 202, answer.text
    site.wait_for_requests(path)
    return answer.json()["job_id"]


def delete(client: ApiClient, url: str, job: str, wish: Wish) -> None:
    if wish.cancelled:
        assert httpx2.post(f"{url}/api/jobs/{job}/cancel").status_code == 202
        assert client.wait_until_final(job)["state"] == "Cancelled"
    answer = httpx2.delete(f"{url}/api/jobs/{job}?outputs={str(wish.cancelled).lower()}", timeout=60)
    assert answer.status_code == 204, answer.text


def test_what_a_worker_stores_after_the_deletion_was_asked_for_goes_too(stack, site):
    bucket = local_stack.bucket(stack)
    jobs, late = {}, 0

    def objects() -> set[str]:
        paths = {each["path"] for page in bucket.list() for each in page}
        return {each for each in paths if not each.startswith(s3_keys.USAGE)}  # that stays

    def is_stored(job: str, wish: Wish) -> bool:
        begin = wish.prefix or f"outputs/default.{job}."
        return any(key.startswith(begin) and key.endswith(f"/{wish.name}.jpg") for key in objects())

    def states() -> set[int]:
        return {httpx2.get(f"{stack.url}/api/jobs/{job}").status_code for job in jobs.values()}

    with local_stack.client(stack) as client:
        for wish in WISHES:
            jobs[wish.name] = job = begun(stack.url, site, wish)
            delete(client, stack.url, job, wish)
            site.release(f"/{wish.name}.jpg")
            late += happens(lambda job=job, wish=wish: is_stored(job, wish), LATE_SECONDS)
    assert late, "no worker was late: nothing was tried"
    eventually(lambda: states() == {404}, GONE_SECONDS)
    assert objects() == set()
