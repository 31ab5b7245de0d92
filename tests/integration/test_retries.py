"""A retry of the failed images that may succeed now, from the API to a worker and back."""

import httpx2
import pytest

from support.api.client import FINAL_STATES
from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.image_server import image_site


@pytest.fixture(scope="module")
def site():
    with image_site() as running:
        yield running


@pytest.fixture(scope="module")
def stack(site, tmp_path_factory):
    environ = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.0/8", "ALLOWED_PORTS": str(site.port)}
    with local_stack.running(
        tmp_path_factory.mktemp("retries") / "data", "--workers", "1", environ=environ
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("execution", "count"), [("Pool", 3), ("Pool", 20), ("Job", 3)], ids=["status", "results file", "shards"]
)
def test_only_images_that_may_succeed_run_again_and_the_others_keep_their_errors(
    site, stack, execution, count
):
    name = f"{execution}{count}"
    site.bodies |= {f"/{name}/{n}.jpg": local_stack.photo(40, 30, seed=n) for n in range(count)}
    site.bodies |= {f"/{name}/0.jpg": 503, f"/{name}/1.jpg": b"no image"}
    items = [{"url": site.url(f"/{name}/{n}.jpg")} for n in range(count)]
    body = {
        "items": items, "variants": [{"width": 20}], "execution": execution, "retry": {"attempts": 1},
    }  # fmt: skip
    with httpx2.Client(base_url=stack.url, timeout=60) as http:
        job_id = http.post("/api/jobs", json=body).json()["job_id"]

        def job():
            return http.get(f"/api/jobs/{job_id}").json()

        def errors():
            found = http.get(f"/api/jobs/{job_id}/results?state=Failed").json()["results"]
            return {each["name"]: each["error"]["code"] for each in found}

        eventually(lambda: job()["state"] in FINAL_STATES, 120)
        assert errors() == {"0.jpg": "source_error", "1.jpg": "not_an_image"}
        site.bodies |= dict.fromkeys((f"/{name}/0.jpg", f"/{name}/1.jpg"), local_stack.photo(40, 30))
        asked = site.requests.copy()
        answer = http.post(f"/api/jobs/{job_id}/retry")
        assert answer.status_code == 202, answer.text
        eventually(lambda: job()["attempt"] == 2 and job()["state"] in FINAL_STATES, 120)
        assert (job()["state"], job()["done"], job()["failed"]) == ("PartiallySucceeded", count - 1, 1)
        assert errors() == {"1.jpg": "not_an_image"}
        assert set(site.requests - asked) == {f"/{name}/0.jpg"}
        assert http.post(f"/api/jobs/{job_id}/retry").status_code == 409
        named = http.post(f"/api/jobs/{job_id}/retry", json={"codes": ["not_an_image"]})
        assert named.status_code == 202, named.text
        eventually(lambda: job()["attempt"] == 3 and job()["state"] == "Succeeded", 120)


def test_a_refused_file_has_the_same_words_in_the_answer_and_later(stack):
    files = {"a.jpg": local_stack.photo(40, 30), "notes.txt": b"hello", "a.svg": b"<svg>", "empty.png": b""}
    with local_stack.client(stack) as client:
        answer = client.batch(files, width=20)
        client.wait_until_final(answer["batch_job_id"])
        told = [each["error"] for each in answer["image_jobs"]]
        later = client.results(answer["batch_job_id"]).json()["results"]
    assert [each["code"] for each in told[1:]] == ["not_an_image", "unsupported_format", "not_an_image"]
    assert told[1:] == [each["error"] for each in later[1:]]
