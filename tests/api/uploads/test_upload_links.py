"""/api/uploads: files go to S3 by signed links, whole and in parts, and jobs name them; against a real S3."""

import time
from datetime import UTC, datetime

import httpx2
import pytest

from imagejobs_contract.model import limits, names
from imagejobs_contract.model.limits import MIN_PART_BYTES
from support.api.forms import JPEG

DAY = 86_400


def links(service, *files):
    answer = service.client.post_uploads({"files": list(files)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(url, data, headers=None):
    return httpx2.put(url, content=data, headers=headers or {}, timeout=30).status_code


def test_files_are_sent_by_links_and_become_a_job_under_their_own_names(service):
    told = links(
        service,
        *({"name": name, "size": len(JPEG), "content_type": "image/jpeg"} for name in ("Été 1.JPG", "b.jpg")),
    )
    for file in told["files"]:
        assert send(file["url"], JPEG, file["headers"]) == 200
    assert [file["key"].removeprefix(told["prefix"]) for file in told["files"]] == ["0/Ete-1.jpg", "1/b.jpg"]
    _, by_key = service.finish_job({"items": [{"key": file["key"]} for file in told["files"]]})
    _, by_prefix = service.finish_job({"prefix": told["prefix"]})
    assert [item.key for item in by_key.spec.items] == [item.key for item in by_prefix.spec.items]
    assert [item.name for item in by_key.spec.items] == ["Ete-1.jpg", "b.jpg"]
    assert names.ANNOTATION_UPLOADS not in by_key.annotations  # no job owns them: several may use one


def test_the_answer_says_how_long_links_and_files_are_good_for(service):
    before = int(time.time())
    told = links(service, {"size": 3})
    expires, use_until = (
        datetime.fromisoformat(told[name]).astimezone(UTC).timestamp() for name in ("expires", "use_until")
    )
    assert before <= expires - 3600 <= time.time()
    assert before <= use_until - limits.UPLOAD_SECONDS <= time.time()


@pytest.mark.usefixtures("refusing_s3")
def test_a_link_takes_the_size_that_was_told_only(service):
    file = links(service, {"size": 10, "content_type": "image/jpeg"})["files"][0]
    assert [send(file["url"], b"x" * n, file["headers"]) for n in (9, 11)] == [403, 403]
    assert send(file["url"], b"x" * 10, {"Content-Type": "text/html"}) == 403
    assert service.keys(file["key"]) == []


def test_a_file_in_parts_is_put_together(service):
    size = MIN_PART_BYTES + 5
    file = links(service, {"name": "big.jpg", "size": size, "part_size": "5MiB"})["files"][0]
    parts = file["multipart"]["parts"]
    assert (file["url"], [part["size"] for part in parts]) == (None, [MIN_PART_BYTES, 5])
    ask = {"key": file["key"], "multipart_id": file["multipart"]["multipart_id"]}
    assert service.client.post_uploads(ask, "complete").json()["code"] == "conflict"
    data = (JPEG + bytes(size))[:size]
    assert [send(parts[0]["url"], data[:MIN_PART_BYTES]), send(parts[1]["url"], data[MIN_PART_BYTES:])] == [
        200,
        200,
    ]
    for _ in range(2):
        assert service.client.post_uploads(ask, "complete").json() == {"key": file["key"], "size": size}
    assert service.finish_job({"items": [{"key": file["key"]}]})[0]["state"] == "Succeeded"


def test_an_aborted_file_cannot_be_completed(service):
    file = links(service, {"size": MIN_PART_BYTES + 1, "part_size": MIN_PART_BYTES})["files"][0]
    ask = {"key": file["key"], "multipart_id": file["multipart"]["multipart_id"]}
    assert [service.client.post_uploads(ask, "abort").status_code for _ in range(2)] == [204, 204]
    assert service.client.post_uploads(ask, "complete").json()["code"] == "not_found"


def test_a_list_of_images_may_be_larger_than_an_image(service):
    jsonl = {"content_type": "application/x-ndjson"}
    assert service.client.post_uploads({"files": [{"size": "200MB"} | jsonl]}).status_code == 200
    assert "200MB" in service.client.post_uploads({"files": [{"size": "200MB"}]}).json()["errors"][0]["what"]


BAD = {
    "nothing": ({}, ["files"]),
    "no files": ({"files": []}, ["files"]),
    "no list": ({"files": {"size": 1}}, ["files"]),
    "too many": ({"files": [{"size": 1}] * 501}, ["files"]),
    "too many parts": (
        {"files": [{"size": "1GB", "part_size": "5MiB", "content_type": "application/x-ndjson"}] * 6},
        ["files"],
    ),
    "a page": ({"files": [{"size": 10, "content_type": "text/html"}]}, ["files[0].content_type"]),
    "a picture with scripts": (
        {"files": [{"size": 10, "content_type": "image/svg+xml"}]},
        ["files[0].content_type"],
    ),
    "every fault": (
        {
            "files": [{"size": 0, "part_size": 1, "content_type": "image", "name": "", "colour": 1}, {}, 7],
            "more": 1,
        },
        [
            "more",
            "files[2]",
            "files[0].colour",
            "files[0].content_type",
            "files[0].size",
            "files[0].part_size",
            "files[0].name",
            "files[1].size",
        ],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(service, name):
    body, where = BAD[name]
    answer = service.client.post_uploads(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert sorted(fault["where"] for fault in answer.json()["errors"]) == sorted(where)


@pytest.mark.parametrize(
    "key",
    ["uploads/other.j1m8aedjc726gavbx19v/0/a", "outputs/a/b.jpg", "uploads/default.x/../../jobs/u/offsets"],
)
@pytest.mark.parametrize("verb", ["complete", "abort"])
def test_only_own_uploads_are_completed_and_aborted(service, key, verb):
    answer = service.client.post_uploads({"key": key, "multipart_id": "1-abc"}, verb)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "given", ["..", "1-..", "1-../../outputs", "1-a/b", "0-a", "1-", "1-%2e%2e/x", "1-\x00", 7, None]
)
@pytest.mark.parametrize("verb", ["complete", "abort"])
def test_the_id_of_an_upload_is_no_way_to_elsewhere(service, given, verb):
    key = links(service, {"size": 9})["files"][0]["key"]
    assert [
        fault["where"]
        for fault in service.client.post_uploads({"key": key, "multipart_id": given}, verb).json()["errors"]
    ] == ["multipart_id"]


def test_five_hundred_links_are_made_at_once(service):
    told = links(service, *({"name": f"{n}.jpg", "size": 9} for n in range(500)))
    assert len({file["url"] for file in told["files"]}) == 500


def test_an_upload_is_good_for_a_day_so_that_none_is_deleted_under_a_job(service):
    for age, status in ((DAY - 60, 202), (DAY + 60, 400)):
        key = f"uploads/default.{names.new_job_id(time.time() - age)}/0/a.jpg"
        answer = service.http.post("/api/jobs", json={"items": [{"key": key}]})
        assert answer.status_code == status, answer.text
