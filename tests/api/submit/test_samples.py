"""Samples: jobs that show what options do, hidden, bounded, and deleted soon."""

import pytest

from imagejobs_contract.model import names
from support.api.client import ASYNC, WAIT, fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG

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
        if "job_id" in answer.json():  # also where its image failed
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


@pytest.fixture
def sample_of(service, _delete_samples):
    def post(identifier, headers=WAIT, **options):
        fields = {name: (None, str(value)) for name, value in {"image_of": identifier, **options}.items()}
        answer = service.client.request("POST", "/api/sample", headers, files=fields)
        if "job_id" in answer.json():  # also where its image failed
            _delete_samples.append(answer.json()["job_id"])
        return answer

    return post


def test_another_sample_needs_no_second_upload(service, sample, sample_of):
    first = sample(headers=WAIT, width=64).json()["job_id"]
    uploads = service.keys("uploads/")
    again = sample_of(first, width=32, format="webp")
    assert again.status_code == 200, again.text
    assert (again.json()["width"], again.json()["format"]) == (32, "webp")
    assert service.keys("uploads/") == uploads
    third = sample_of(again.json()["job_id"], width=16)
    assert third.json()["width"] == 16


def test_it_reads_the_file_of_the_first_and_leaves_it_to_the_first(service, sample, sample_of):
    first = service.worker.job(sample(headers=WAIT, width=64).json()["job_id"])
    again = service.worker.job(sample_of(first.key.name, width=32).json()["job_id"])
    assert again.spec.items[0].key == first.spec.items[0].key
    assert names.ANNOTATION_UPLOADS not in again.annotations
    assert again.annotations[names.ANNOTATION_SOURCES] == first.annotations[names.ANNOTATION_SOURCES]
    assert again.is_sample


def test_an_image_of_any_job_may_be_named(service, sample_of):
    batch = service.client.batch_id(("a.jpg", JPEG), ("b.jpg", JPEG), width=64)
    assert sample_of(f"{batch}-1", width=32).json()["width"] == 32
    one = service.client.job_id(headers=WAIT, width=64)
    assert sample_of(one, width=32).json()["width"] == 32


def test_what_has_no_file_of_one_image_is_refused_with_the_reason(service, sample_of):
    batch = service.client.batch_id(("a.jpg", JPEG), ("b.jpg", JPEG))
    refused = sample_of(batch, width=32)
    assert (refused.status_code, fault_names(refused)) == (400, ["image_of"])
    assert f"such as {batch}-0" in refused.text
    fetched = service.client.post_urls({"url": "https://images.example.org/a.jpg"}, ASYNC).json()["job_id"]
    assert "from a URL" in sample_of(fetched, width=32).text


def test_a_file_and_an_earlier_one_are_too_many(sample):
    first = sample(headers=WAIT, width=64).json()["job_id"]
    refused = sample(width=64, image_of=first)
    assert (refused.status_code, fault_names(refused)) == (400, ["image_of"])


def test_an_image_that_is_gone_is_404_and_other_calls_know_no_such_field(service, sample_of):
    assert sample_of("j1m860h1absent0000000").status_code == 404
    answer = service.client.post_image(image_of="j1m860h1absent0000000")
    assert (answer.status_code, fault_names(answer)) == (400, ["image_of"])


def test_an_image_that_failed_fails_again_with_its_own_reason(service, sample_of):
    batch = service.client.batch_id(("a.jpg", JPEG + BROKEN), ("b.jpg", JPEG))
    assert sample_of(f"{batch}-0", headers=None).json()["code"] == "corrupt_image"
