"""GET /api/jobs/{id}/archive?of=failed-sources: the failed originals, as far as they are there."""

import asyncio
import io
import json
import zipfile

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.files.manifest_items import read_items
from imagejobs_contract.model import names
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.s3.objects import S3Objects
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG

ENVIRON = {"WATCH_SECRETS": "0123456789abcdef0123456789abcdef"}
BAD = JPEG + BROKEN


def members(answer):
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        assert read.testzip() is None
        return {name: read.read(name) for name in read.namelist()}


def missing(found):
    return [line.split("\t")[1:3] for line in found["failed.txt"].decode().splitlines()]


def failed_sources(service, identifier, **query):
    return service.client.archive(identifier, of="failed-sources", **query)


def test_the_failed_files_come_back_under_their_own_names(service):
    identifier = service.client.batch_id(
        ("good.jpg", JPEG),
        ("trip/a.JPG", BAD),
        ("trip/a.JPG", BAD + BAD),
        ("plain", BAD),
        ("short.txt", b"no"),
    )
    answer = failed_sources(service, identifier)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{identifier}-failed-sources.zip"'
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    found = members(answer)
    assert list(found.values()) == [BAD, BAD + BAD, BAD, b"no"]
    assert [name.rpartition(".")[2] for name in found] == ["JPG", "JPG", "plain", "txt"]


def test_a_file_of_which_only_the_first_bytes_were_kept_is_named_and_not_given(service):
    identifier = service.client.batch_id(("good.jpg", JPEG), ("long.txt", b"hello " * 1000), ("a.jpg", BAD))
    found = members(failed_sources(service, identifier))
    assert missing(found) == [["long.txt", "not_kept"]]
    assert found["a.jpg"] == BAD


def test_a_part_may_be_asked_for(service):
    identifier = service.client.batch_id(("a.jpg", BAD), ("b.jpg", BAD), ("c.jpg", BAD))
    assert list(members(failed_sources(service, identifier, first=1, count=1))) == ["b.jpg"]


def test_where_nothing_failed_there_is_no_archive(service):
    answer = failed_sources(service, service.client.batch_id(JPEG, JPEG))
    assert (answer.status_code, answer.json()["detail"]) == (409, "None of these images failed.")


def lines(*items):
    return "".join(json.dumps(each) + "\n" for each in items).encode()


@pytest.mark.parametrize("with_rule", [True, False], ids=["of-the-api", "of-kubectl"])
def test_of_a_manifest_only_what_the_job_may_read_is_given(service, jobs, with_rule):
    uploads = f"uploads/{names.new_job_id()}/"
    service.put_object(f"{uploads}0", b"mine")
    service.put_object("uploads/anothers/0", b"secret")
    items = [
        {"key": f"{uploads}0"}, {"key": "uploads/anothers/0"}, {"url": "https://images.example.org/a.jpg"},
        {"key": f"{uploads}gone"},
    ]  # fmt: skip
    service.put_object(f"{uploads}manifest.jsonl", b"\n" + lines(*items))
    rule = {names.ANNOTATION_SOURCES: json.dumps([uploads]), names.ANNOTATION_UPLOADS: uploads}
    outcomes = [Outcome(n, f"{n}.png", code=Code.CORRUPT_IMAGE) for n in range(len(items))]
    job = jobs.add(outcomes, manifest=f"{uploads}manifest.jsonl", annotations=rule if with_rule else {})
    found = members(failed_sources(service, job.key.name))
    codes = [code for _, code in missing(found)]
    if with_rule:
        assert found["0.png"] == b"mine"
        assert codes == ["source_forbidden", "is_url", "source_not_found"]
    else:
        assert list(found) == ["failed.txt"]
        assert codes == ["source_forbidden"] * len(items)


def test_a_watch_link_gives_no_sources(service):
    identifier = service.client.batch_id(("a.jpg", BAD), ("b.jpg", JPEG))
    watch_url = service.client.job(identifier).json()["watch_url"]
    assert service.http.get(f"{watch_url}/archive").status_code == 200
    assert service.http.get(f"{watch_url}/archive?of=failed-sources").status_code == 400


def test_items_are_found_across_the_pieces_in_which_a_manifest_is_read(module_s3, service, monkeypatch):
    monkeypatch.setattr("imagejobs_contract.files.manifest_items.CHUNK_BYTES", 64)
    items = [{"name": f"{n}.jpg", "key": f"photos/{n}.jpg"} for n in range(50)]
    service.put_object("m/pieces.jsonl", b"\n".join([lines(*items[:20]), b"nonsense", lines(*items[20:])]))
    objects = S3Objects.from_settings(module_s3)
    found = asyncio.run(read_items(objects, "m/pieces.jsonl", {0, 19, 20, 21, 50}))
    assert {n: each.name for n, each in found.items()} == {
        0: "0.jpg", 19: "19.jpg", 21: "20.jpg", 50: "49.jpg",
    }  # fmt: skip
