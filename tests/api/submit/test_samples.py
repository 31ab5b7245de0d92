"""Samples: jobs that show what options do, hidden, bounded, and deleted soon."""

import pytest

from support.api.client import ASYNC, WAIT, fault_names

MOST = 3
ENVIRON = {"MAX_CALLER_SAMPLES": str(MOST)}


@pytest.fixture(autouse=True)
def _delete_samples(service):
    made = []
    yield made
    for identifier in made:
        service.client.request("DELETE", f"/api/jobs/{identifier}")


@pytest.fixture
def sample(service, _delete_samples):
    def post(**options):
        answer = service.client.post_image(call="sample", **options)
        if answer.status_code < 300:
            _delete_samples.append(answer.json()["job_id"])
        return answer

    return post


def test_a_sample_is_answered_like_a_resize(sample):
    answer = sample(headers=WAIT, width=64, format="webp")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["width"], answer.json()["format"]) == (64, "webp")


def test_its_job_ends_soon_and_is_deleted_soon_with_its_results(service, sample):
    spec = service.client.job(sample(headers=WAIT, width=64).json()["job_id"]).json()["spec"]
    assert spec["ttl_seconds_after_finished"] == 300
    assert spec["active_deadline_seconds"] == 60
    assert spec["output"]["deletion_policy"] == "Delete"


def test_no_list_shows_it(service, sample):
    hidden = sample(headers=WAIT, width=64).json()["job_id"]
    shown = service.client.job_id(headers=WAIT, width=64)
    listed = [each["job_id"] for each in service.client.get("/api/jobs?limit=100").json()["jobs"]]
    assert shown in listed
    assert hidden not in listed
    assert service.client.job(hidden).status_code == 200


def test_its_options_are_read_as_those_of_a_resize(sample):
    answer = sample(width="abc", colour="red", callback="https://example.org/")
    assert answer.status_code == 400
    assert set(fault_names(answer)) == {"callback", "colour", "width"}


def test_too_many_are_refused_until_one_is_deleted(service, sample):
    made = [sample(headers=ASYNC, width=64) for _ in range(MOST)]
    assert [each.status_code for each in made] == [202] * MOST
    refused = sample(headers=ASYNC, width=64)
    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    assert refused.headers["Retry-After"]
    assert service.client.post_image(headers=ASYNC, width=64).status_code == 202
    deleted = service.client.request("DELETE", f"/api/jobs/{made[0].json()['job_id']}")
    assert deleted.status_code in (202, 204)
    assert sample(headers=ASYNC, width=64).status_code == 202
