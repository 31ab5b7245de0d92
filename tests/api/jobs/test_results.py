"""GET /api/jobs/{id}/results: in pages and as lines, while a job runs and after."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from imagejobs_api.http.errors import error_body
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Manifest, Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import cut
from support.api.client import fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.clock.waiting import eventually

LINES = {"Accept": "application/x-ndjson"}


def lines(service, identifier: str) -> list[dict]:
    answer = service.client.results(identifier, LINES)
    assert (answer.status_code, answer.headers["Content-Type"], answer.headers["Vary"]) == (
        200,
        "application/x-ndjson",
        "Accept",
    )
    return [json.loads(line) for line in answer.text.splitlines()]


def without_links(entries: list[dict]) -> list[dict]:
    return [
        entry | {"outputs": [output | {"download_url": ""} for output in entry["outputs"]]}
        for entry in entries
    ]


def test_each_image_has_its_outcome_and_a_link_that_is_signed_now(service):
    identifier = service.client.batch_id(JPEG, JPEG + BROKEN)
    body = service.client.results(identifier).json()
    good, bad = body.pop("results")
    assert body == {"job_id": identifier, "state": "PartiallySucceeded", "total": 2, "next_cursor": None}
    (output,) = good.pop("outputs")
    assert good == {
        "job_id": f"{identifier}-0",
        "name": "0.jpg",
        "state": "Succeeded",
        "bytes_in": len(JPEG),
        "error": None,
    }
    response = service.http.get(output.pop("download_url"))
    assert response.headers["Content-Disposition"] == 'inline; filename="0.jpg"'
    assert output == {
        "variant": "default",
        "width": 1,
        "height": 300,
        "format": "jpeg",
        "bytes": len(response.content),
        "kept_original": False,
    }
    assert bad == {
        "job_id": f"{identifier}-1", "name": "1.jpg", "state": "Failed", "bytes_in": 0, "outputs": [],
        "error": error_body(Code.CORRUPT_IMAGE, "The image ends too early."),
    }  # fmt: skip


def test_while_a_job_runs_the_images_that_ended_have_their_results(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(JPEG, JPEG, wait=False)
    # The board tells of the image before the status does.
    body = eventually(
        lambda: (
            (found := service.client.results(identifier).json())["results"][0]["outputs"]
            and found["state"] == "Running"
            and found
        )
    )
    assert (body["state"], [each["state"] for each in body["results"]]) == (
        "Running",
        ["Succeeded", "Running"],
    )
    assert body["results"][1] | {"state": ""} == {
        "job_id": f"{identifier}-1", "name": "1.jpg", "state": "", "bytes_in": None, "outputs": [],
        "error": None,
    }  # fmt: skip
    assert [each["state"] for each in lines(service, identifier)] == ["Succeeded", "Running"]


def test_pages_and_lines_say_the_same_when_redis_forgot_all(service, valkey_server):
    import redis

    identifier = service.client.batch_id(*[JPEG + (BROKEN if n == 7 else b"") for n in range(20)])
    with redis.Redis(port=valkey_server.ports["redis"]) as client:
        client.flushall()
    entries, url = [], f"/api/jobs/{identifier}/results?limit=8"
    for count in (8, 8, 4):
        answer = service.http.get(url)
        assert len(answer.json()["results"]) == count
        entries += answer.json()["results"]
        url = answer.links["next"]["url"] if answer.json()["next_cursor"] else None
    assert url is None
    assert [entry["name"] for entry in entries] == [f"{n}.jpg" for n in range(20)]
    assert [n for n, entry in enumerate(entries) if entry["state"] == "Failed"] == [7]
    assert without_links(lines(service, identifier)) == without_links(entries)


def test_a_cursor_beyond_the_end_is_an_empty_page(service):
    body = service.client.results(service.client.batch_id(JPEG), cursor=5).json()
    assert (body["results"], body["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"cursor": -1}, {"state": "Broken"}, {"code": "none"}],
    ids=str,
)
def test_a_bad_query_is_refused(service, query):
    answer = service.client.results(service.client.batch_id(JPEG), **query)
    assert (answer.status_code, fault_names(answer)) == (400, list(query))


@pytest.mark.parametrize(
    ("accept", "is_lines"),
    [
        ("*/*", False),
        ("application/json", False),
        ("application/x-ndjson, application/json;q=0.5", True),
        ("text/html", False),
    ],
)
def test_lines_are_sent_to_those_who_prefer_them(service, accept, is_lines):
    answer = service.client.results(service.client.batch_id(JPEG), {"Accept": accept})
    assert (answer.headers["Content-Type"] == "application/x-ndjson") == is_lines


def test_head_sends_no_lines(service):
    answer = service.http.head(f"/api/jobs/{service.client.batch_id(JPEG)}/results", headers=LINES)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.fixture
def large(service) -> Iterator[ImageJob]:
    """A running Job of 1200 images in three shards, of which the second has written its lines."""
    status = Status(state=State.RUNNING, attempt=1, counts=Counts(1200, 1), job_name="child", shards=3)
    spec = Spec(manifest=Manifest("m.jsonl", 1200))
    job = service.store_job(ImageJob(JobKey("default", names.new_job_id()), spec), status)
    own = cut([1] * 1200, 3)[1]
    ended = [
        Outcome(n, f"{n}.jpg", code=Code.CORRUPT_IMAGE if n % 2 else None)
        for n in range(own.first, own.first + own.count)
    ]
    text = "".join(each.to_line() + "\n" for each in ended)
    service.put_object(s3_keys.results(job.uid, 1), text.encode())
    yield job
    service.http.delete(f"/api/jobs/{job.key.name}").raise_for_status()  # the fake worker reads no manifests


def test_the_lines_of_a_large_running_job_are_read_from_its_shards(service, large):
    found = lines(service, large.key.name)
    assert [each["job_id"] for each in found] == [f"{large.key.name}-{n}" for n in range(1200)]
    assert {each["state"] for each in found[:400] + found[800:]} == {"Running"}
    assert [each["state"] for each in found[400:402]] == ["Succeeded", "Failed"]
    assert (found[799]["name"], found[800]["name"]) == ("799.jpg", "")


def test_the_failed_images_are_found_page_by_page_and_as_lines(service, large):
    found, cursor = [], 0
    while cursor is not None:
        page = service.client.results(large.key.name, state="Failed", limit=150, cursor=cursor).json()
        found += [each["job_id"] for each in page["results"]]
        cursor = page["next_cursor"]
    expected = [f"{large.key.name}-{n}" for n in range(400, 800) if n % 2]
    assert found == expected
    text = service.client.results(large.key.name, LINES, state="Failed", code="corrupt_image").text
    assert [json.loads(line)["job_id"] for line in text.splitlines()] == expected
    assert service.client.results(large.key.name, LINES, code="source_timeout").text == ""
    link = service.client.results(large.key.name, code="corrupt_image", limit=1).links["next"]["url"]
    assert service.http.get(link).json()["results"][0]["job_id"] == f"{large.key.name}-403"


def test_the_results_come_as_a_table_that_no_spreadsheet_runs(service):
    identifier = service.client.batch_id(("=1+1.jpg", JPEG), ("-2.jpg", JPEG + BROKEN), ('a,"b".jpg', JPEG))
    answer = service.client.results(identifier, {"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{identifier}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [each["name"] for each in rows] == ["'=1+1.jpg", "'-2.jpg", 'a,"b".jpg']
    assert [each["code"] for each in rows] == ["", "corrupt_image", ""]
    assert rows[1]["advice"] == meaning(Code.CORRUPT_IMAGE).advice
    assert service.http.get(rows[0]["download_url"]).status_code == 200
    failed = service.client.results(identifier, {"Accept": "text/csv"}, state="Failed").text
    assert [each["job_id"] for each in csv.DictReader(io.StringIO(failed))] == [f"{identifier}-1"]


def test_a_page_may_lie_across_two_shards(service, large):
    page = service.client.results(large.key.name, cursor=799, limit=2).json()
    assert ([each["state"] for each in page["results"]], page["next_cursor"]) == (
        ["Failed", "Running"],
        "801",
    )


def test_lines_that_cannot_be_read_end_the_stream_too_early_and_not_as_if_that_were_all(service, large):
    import httpx2

    text = b'{"index": 800}\n' * (70 * 2**20 // 15)  # more than one shard may have
    service.put_object(s3_keys.results(large.uid, 2), text)
    with pytest.raises(httpx2.RemoteProtocolError):
        lines(service, large.key.name)
    service.delete_object(s3_keys.results(large.uid, 2))
    assert len(lines(service, large.key.name)) == 1200
