"""Idempotency-Key: the same request again gets the same job, another one is refused."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagejobs_api.http.errors import Problem
from imagejobs_api.submit import idempotency
from support.api.client import ASYNC
from support.api.forms import JPEG

SITE = "https://images.example.org"


@pytest.fixture
def headers() -> dict[str, str]:
    """A key that was never used."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_a_repeated_request_gets_the_job_of_the_first_and_leaves_nothing(service, headers):
    first = service.client.post_image(headers=headers, width=40)
    uploads, jobs = service.keys("uploads/"), len(service.worker.jobs())
    second = service.client.post_image(headers=headers, width=40)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() | {"download_url": ""} == second.json() | {"download_url": ""}
    assert (service.keys("uploads/"), len(service.worker.jobs())) == (uploads, jobs)
    assert service.http.get(second.json()["download_url"]).text == "40xNone of 1028 bytes"


def test_a_repetition_while_the_job_waits_does_not_touch_its_files(service, headers):
    service.worker.pause()
    first, second = (service.client.post_image(headers=headers | ASYNC) for _ in range(2))
    assert (first.status_code, second.status_code, first.json()["job_id"]) == (
        202,
        202,
        second.json()["job_id"],
    )
    (item,) = service.worker.job(first.json()["job_id"]).spec.items
    assert item.key in service.keys("uploads/")
    service.worker.resume()
    assert service.client.post_image(headers=headers).json()["state"] == "Succeeded"


def test_concurrent_requests_with_one_key_wait_for_one_job(service, headers):
    before = len(service.worker.jobs())
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: service.client.post_image(headers=headers), range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert len(service.worker.jobs()) == before + 1
    job = service.worker.job(answers[0].json()["job_id"])
    assert [key for key in service.keys("uploads/") if key == job.spec.items[0].key] == [
        job.spec.items[0].key
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"data": JPEG + b"x"},
        {"width": 41},
        {"file_name": "b.jpg"},
        {"call": "center-crop", "height": 3},
        {"quality": 3},
    ],
    ids=str,
)
def test_another_request_under_the_same_key_is_refused_and_leaves_nothing(service, headers, other):
    service.client.post_image(headers=headers, width=40)
    uploads = service.keys("uploads/")
    answer = service.client.post_image(headers=headers, **{"width": 40} | other)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert service.keys("uploads/") == uploads


def test_batches_and_urls_can_be_repeated_too(service, headers):
    service.put_object("site/a.jpg", JPEG)
    request = {"json": {"urls": [f"{SITE}/site/a.jpg"]}}
    made = [
        service.http.post("/api/upload-from-url", headers=headers, **request).json()["batch_job_id"]
        for _ in range(2)
    ]
    assert made[0] == made[1]
    files = [("images", ("a.jpg", JPEG)), ("images", ("b.jpg", b"no image at all, but some text"))]
    answers = [
        service.http.post(
            "/api/batch", headers=headers | {"Idempotency-Key": "b" + made[0]}, files=files
        ).json()
        for _ in range(2)
    ]
    assert answers[0]["batch_job_id"] == answers[1]["batch_job_id"]
    assert [each["error"] and each["error"]["code"] for each in answers[1]["image_jobs"]] == [
        None,
        "not_an_image",
    ]
    assert (
        service.http.post(
            "/api/upload-from-url", headers=headers, json={"urls": [f"{SITE}/b.jpg"]}
        ).status_code
        == 422
    )


def test_what_was_refused_can_be_sent_again_under_its_key(service, headers):
    assert service.client.post_image(headers=headers, width=0).status_code == 400
    assert service.client.post_image(headers=headers, width=40).status_code == 200


def test_a_key_that_belonged_to_a_deleted_job_is_free_and_the_first_results_stay(service, headers):
    first = service.client.job_id(file_name="a.jpg", headers=headers)
    prefix = service.worker.job(first).prefix
    service.http.delete(f"/api/jobs/{first}")
    second = service.client.post_image(JPEG + b"x", headers=headers | ASYNC)
    assert (second.status_code, second.json()["job_id"]) == (202, first)
    assert service.worker.job(first).prefix != prefix
    assert service.keys(prefix) == [f"{prefix}/a.jpg"]


@pytest.mark.parametrize(("header", "key"), [("a-b", "a-b"), ('"a b"', "a b"), (None, None)])
def test_keys_may_stand_in_quotation_marks(header, key):
    assert idempotency.read_key(header) == key


@pytest.mark.parametrize("header", ["", '""', "a b", 'a"b', "ü", "x" * 256, "a\tb"])
def test_other_keys_are_refused(header):
    with pytest.raises(Problem):
        idempotency.read_key(header)
