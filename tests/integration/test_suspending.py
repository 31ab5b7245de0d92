"""Suspend and resume over the whole stack: no image is lost, and none is worked on twice."""

from collections.abc import Iterator

import httpx2
import pytest

from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.image_server import ImageSite, image_site


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_stack.LocalStack]:
    """A stack that may fetch from this machine."""
    # No resync: jobs go on by events.
    environ = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.1/32", "RESYNC_SECONDS": "3600"}
    with local_stack.running(
        tmp_path_factory.mktemp("suspending") / "data", "--workers", "1", environ=environ
    ) as running:
        yield running


@pytest.fixture
def site() -> Iterator[ImageSite]:
    """A web server with 300 photos, each under a path of its own."""
    with image_site() as site:
        site.bodies = dict.fromkeys((f"/{n}.jpg" for n in range(300)), local_stack.photo(320, 240))
        yield site


@pytest.fixture
def http(stack: local_stack.LocalStack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.url, timeout=60) as client:
        yield client


def make(http: httpx2.Client, site: ImageSite, **body: object) -> str:
    items = [{"url": site.url(path)} for path in site.bodies]
    answer = http.post("/api/jobs", json={"items": items, "variants": [{"width": 16}], **body})
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def ask(http: httpx2.Client, job: str, verb: str) -> None:
    answer = http.post(f"/api/jobs/{job}/{verb}")
    assert answer.status_code == 202, answer.text


def wait_for_state(http: httpx2.Client, job: str, state: str) -> None:
    eventually(lambda: http.get(f"/api/progress/{job}").json()["state"] == state, 90)


@pytest.mark.parametrize("execution", ["Pool", "Job"])
def test_a_job_that_was_made_to_wait_begins_when_it_is_resumed(http, site, execution):
    job = make(http, site, execution=execution, suspend=True)
    wait_for_state(http, job, "Suspended")
    assert site.requests.total() == 0
    ask(http, job, "resume")
    wait_for_state(http, job, "Succeeded")
    assert set(site.requests.values()) == {1}


@pytest.mark.parametrize("execution", ["Pool", "Job"])
def test_a_job_that_runs_stops_and_goes_on_without_an_image_twice(http, site, execution):
    site.hold("/299.jpg")  # so that it cannot end before it is asked
    job = make(http, site, execution=execution, items_per_pod=300)
    eventually(lambda: http.get(f"/api/progress/{job}").json()["done"] >= 10, 60)
    ask(http, job, "suspend")
    wait_for_state(http, job, "Suspended")
    site.release("/299.jpg")
    done, asked = http.get(f"/api/progress/{job}").json()["done"], site.requests.copy()
    ended = {
        each["name"]
        for each in http.get(f"/api/jobs/{job}/results?limit=1000").json()["results"]
        if each["state"] == "Succeeded"
    }
    ask(http, job, "resume")
    wait_for_state(http, job, "Succeeded")
    assert done <= len(ended)
    assert {name: site.requests[f"/{name}"] for name in ended} == {name: asked[f"/{name}"] for name in ended}
    assert len(site.requests) == 300


def test_a_job_that_waits_for_a_process_is_suspended_and_cancelled_by_events(http, site):
    for path in site.bodies:
        site.hold(path)
    first = make(http, site, execution="Job", items_per_pod=3, parallelism=100)
    eventually(lambda: site.requests.total() > 0, 60)
    waiting = make(http, site, execution="Job")
    wait_for_state(http, waiting, "Queued")
    ask(http, waiting, "suspend")
    wait_for_state(http, waiting, "Suspended")
    ask(http, waiting, "resume")
    ask(http, waiting, "cancel")
    wait_for_state(http, waiting, "Cancelled")
    ask(http, first, "cancel")
    wait_for_state(http, first, "Cancelled")
