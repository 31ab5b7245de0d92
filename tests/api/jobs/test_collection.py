"""GET /api/jobs: the list of jobs, in pages, narrowed by state, with live progress."""

import pytest

from support.api.client import fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.clock.waiting import eventually


def test_the_list_begins_with_the_newest_and_leads_on_by_link(service):
    made = [service.client.batch_id(JPEG) for _ in range(5)]
    seen, url = [], "/api/jobs?limit=2"
    for _ in range(2):
        answer = service.http.get(url)
        assert len(answer.json()["jobs"]) == 2
        seen += [each["job_id"] for each in answer.json()["jobs"]]
        assert answer.json()["next_cursor"] in answer.links["next"]["url"]
        url = answer.links["next"]["url"]
        assert url.startswith(f"{service.api.url}/api/jobs?limit=2&cursor=")
    assert seen == made[:0:-1]


def test_the_last_page_leads_nowhere(service):
    service.client.batch_id(JPEG)
    answer = service.http.get("/api/jobs", params={"state": "Succeeded", "limit": 100, "cursor": ""})
    assert (answer.status_code, answer.json()["next_cursor"], "Link" in answer.headers) == (200, None, False)


def test_an_entry_of_the_list_tells_progress_and_times(service):
    identifier = service.client.batch_id(JPEG, JPEG + BROKEN)
    entry = service.http.get("/api/jobs").json()["jobs"][0]
    assert entry.pop("created").endswith("Z")
    assert entry == {
        "job_id": identifier, "state": "PartiallySucceeded", "progress": 100, "total": 2, "done": 1,
        "failed": 1, "error": None,
        "name": None, "started": None, "completed": None,
        "progress_url": f"{service.api.url}/api/progress/{identifier}",
        "results_url": f"{service.api.url}/api/jobs/{identifier}/results",
        "watch_url": None,
    }  # fmt: skip


def test_the_list_can_be_narrowed_to_a_state(service):
    whole, partial = service.client.batch_id(JPEG), service.client.batch_id(JPEG, JPEG + BROKEN)
    listed = [
        each["job_id"] for each in service.http.get("/api/jobs?state=PartiallySucceeded").json()["jobs"]
    ]
    assert partial in listed
    assert whole not in listed


def test_a_running_job_is_listed_with_its_live_progress(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(JPEG, JPEG, wait=False)
    # The fake worker tells the board of its work before it writes the status.
    eventually(lambda: service.http.get("/api/jobs?limit=1").json()["jobs"][0]["state"] == "Running")
    entry = service.http.get("/api/jobs?limit=1").json()["jobs"][0]
    assert (entry["job_id"], entry["state"], entry["progress"]) == (identifier, "Running", 50)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "state=Happy", "state=Failed&state=Failed", "cursor=abc", "page=2"],
)
def test_a_bad_query_is_refused(service, query):
    answer = service.http.get(f"/api/jobs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert fault_names(answer) == [query.split("=")[0]]
