"""GET /api/jobs/{id}/archive: what it holds, that it is whole or visibly cut, and what it costs."""

import asyncio
import http.client
import io
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.status import State
from support.api.client import fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually
from support.servers import data_servers

MIB = 2**20
ENDED = datetime(2026, 11, 26, 2, 7, 30, tzinfo=UTC)


def opened(answer: httpx2.Response) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    read = zipfile.ZipFile(io.BytesIO(answer.content))
    assert read.testzip() is None
    return read


def test_every_output_is_in_it_under_its_own_name_and_what_failed_is_told(service):
    identifier = service.client.batch_id(
        ("Größe.jpg", JPEG), ("a.jpg", JPEG + BROKEN), ("a.jpg", JPEG), ("notes.txt", b"hello")
    )
    answer = service.client.archive(identifier)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{identifier}.zip"'
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with opened(answer) as read:
        assert read.namelist() == ["Größe.jpg", "a-2.jpg", "failed.txt"]
        entries = service.http.get(f"/api/jobs/{identifier}/results").json()["results"]
        assert read.read("Größe.jpg") == service.http.get(entries[0]["outputs"][0]["download_url"]).content
        assert read.read("failed.txt").decode() == (
            f"{identifier}-1\ta.jpg\tcorrupt_image\tThe image ends too early.\n"
            f"{identifier}-3\tnotes.txt\tnot_an_image\tThe file is not an image.\n"
        )


def test_what_succeeded_as_a_whole_has_no_list_of_failures_and_one_image_is_enough(service):
    with opened(service.client.archive(service.client.batch_id(("a.jpg", JPEG)))) as read:
        assert read.namelist() == ["a.jpg"]


def test_two_downloads_are_equal_to_the_byte_and_carry_the_time_of_the_end(service, jobs):
    job = jobs.add(
        [
            Outcome(0, "a.png", outputs=(jobs.put_output("equal/a.jpg", b"a"),)),
            Outcome(1, "b", code=Code.CORRUPT_IMAGE),
        ],
        "equal",
    )
    first, second = service.client.archive(job.key.name), service.client.archive(job.key.name)
    assert first.content == second.content
    with opened(first) as read:
        assert {each.date_time for each in read.infolist()} == {(2026, 11, 26, 2, 7, 30)}


def test_a_range_is_not_heeded_and_the_answer_says_so(service):
    identifier = service.client.batch_id(("a.jpg", JPEG))
    whole = service.client.archive(identifier)
    assert whole.headers["Accept-Ranges"] == "none"
    again = service.http.get(f"/api/jobs/{identifier}/archive", headers={"Range": "bytes=10-"})
    assert (again.status_code, again.content, "Content-Range" in again.headers) == (200, whole.content, False)


def test_variants_large_files_and_names_that_lead_elsewhere(service, jobs):
    noise = os.urandom(5 * MIB + 1)
    outcomes = [
        Outcome(
            0,
            "../../up.png",
            outputs=(
                jobs.put_output("mixed/0.jpg", noise),
                jobs.put_output("mixed/0-thumb.jpg", b"t", "thumb"),
            ),
        ),
        Outcome(1, "C:\\up.png", outputs=(jobs.put_output("mixed/1.jpg", b"1"),)),
        Outcome(2, "UP.gif", outputs=(jobs.put_output("mixed/2.jpg", b""),)),
    ]
    job = jobs.add(outcomes, "mixed")
    with opened(service.client.archive(job.key.name)) as read:
        assert read.namelist() == ["up.jpg", "up-thumb.jpg", "C_/up.jpg", "UP-2.jpg"]
        assert (read.read("up.jpg"), read.read("up-thumb.jpg"), read.read("UP-2.jpg")) == (noise, b"t", b"")


def test_while_the_job_runs_there_is_none_yet(service):
    service.worker.pause()
    identifier = service.client.batch_id(("a.jpg", JPEG), wait=False)
    answer = service.client.archive(identifier)
    assert (
        answer.status_code,
        answer.json()["code"],
        answer.json()["retryable"],
        answer.headers["Retry-After"],
    ) == (409, "conflict", True, "1")
    assert "archive" in answer.json()["detail"]


def test_one_image_of_a_job_has_no_archive(service):
    assert service.client.archive(f"{service.client.batch_id(('a.jpg', JPEG))}-0").status_code == 404


def test_an_image_that_a_cancelled_job_never_came_to_is_told(service, jobs):
    job = jobs.add(
        [Outcome(0, "a", outputs=(jobs.put_output("cut/a.jpg", b"a"),))],
        "cut",
        total=2,
        state=State.CANCELLED,
    )
    with opened(service.client.archive(job.key.name)) as read:
        assert (
            read.read("failed.txt").decode()
            == f"{job.key.name}-1\t\tnot_done\tThe job was cancelled before this image was done.\n"
        )


@pytest.mark.parametrize("strangers", [10_000, 1], ids=["walked", "asked-one-by-one"])
def test_an_output_that_was_deleted_before_is_left_out_and_told(service, jobs, strangers, monkeypatch):
    outcomes = [Outcome(n, f"{n}", outputs=(jobs.put_output(f"gone/{n}.jpg", b"%d" % n),)) for n in range(3)]
    job = jobs.add(outcomes, "gone")
    for n in range(5):
        jobs.put_output(f"gone/a-stranger-{n}.jpg", b"")
    service.delete_object("gone/1.jpg")
    if strangers == 1:
        found = asyncio.run(_contents(service, job, monkeypatch))
        assert [each.name for each in found.files] == ["0.jpg", "2.jpg"]
        return
    with opened(service.client.archive(job.key.name)) as read:
        assert read.namelist() == ["0.jpg", "2.jpg", "failed.txt"]
        assert (
            read.read("failed.txt").decode()
            == f"{job.key.name}-1\t1.jpg\texpired\tThe result was kept for a time and is gone.\n"
        )


async def _contents(service, job, monkeypatch):
    from imagejobs_api.archive import contents
    from imagejobs_api.view.live_board import BoardWithBreaker
    from imagejobs_api.view.outcomes import Outcomes
    from imagejobs_contract.redis.board import RedisBoard
    from imagejobs_contract.s3.objects import S3Objects

    monkeypatch.setattr(contents, "MAX_FOREIGN_OBJECTS", 1)
    objects = S3Objects.from_settings(service.s3)
    board = RedisBoard(service.environ["REDIS_URL"])
    try:
        return await contents.ContentsReader(Outcomes(BoardWithBreaker(board), objects), objects).read(
            job, range(job.spec.total)
        )
    finally:
        await board.close()


def test_when_all_outputs_are_gone_it_is_gone(service, jobs):
    job = jobs.add(
        [Outcome(0, "a", outputs=(OutputFile("default", "nowhere/a.jpg", 1, 1, Format.JPEG, 1),))], "nowhere"
    )
    assert (
        service.client.archive(job.key.name).status_code,
        service.client.archive(job.key.name).json()["code"],
    ) == (
        410,
        "expired",
    )


def test_where_nothing_succeeded_there_is_no_archive(service):
    answer = service.client.archive(service.client.batch_id(("a.jpg", JPEG + BROKEN), ("b.txt", b"x")))
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (409, "conflict", False)


def test_a_job_of_too_many_files_comes_in_parts(service, jobs):
    outcomes = [Outcome(n, f"{n}", outputs=(jobs.put_output(f"parts/{n}.jpg", b"%d" % n),)) for n in range(5)]
    job = jobs.add(outcomes, "parts")
    api = Api(service.environ | {"MAX_ARCHIVE_FILES": "3"})
    try:
        url = f"{api.url}/api/jobs/{job.key.name}/archive"
        answer = service.http.get(url)
        assert (answer.status_code, answer.json()["retryable"]) == (409, False)
        assert "?first=0&count=3" in answer.json()["detail"]
        parts = [service.http.get(url, params={"first": first, "count": 3}) for first in (0, 3)]
        assert [opened(part).namelist() for part in parts] == [
            ["0.jpg", "1.jpg", "2.jpg"],
            ["3.jpg", "4.jpg"],
        ]
        assert parts[1].headers["Content-Disposition"] == f'attachment; filename="{job.key.name}-3-4.zip"'
    finally:
        api.stop()


@pytest.mark.parametrize(
    "query", [{"first": -1}, {"first": 1}, {"count": 0}, {"count": "x"}, {"partial": "true"}], ids=str
)
def test_a_bad_query_is_refused(service, query):
    answer = service.client.archive(service.client.batch_id(("a.jpg", JPEG)), **query)
    assert (answer.status_code, fault_names(answer)) == (400, list(query))


def test_head_tells_the_length_and_reads_nothing(service):
    identifier = service.client.batch_id(("a.jpg", JPEG))
    answer = service.http.head(f"/api/jobs/{identifier}/archive")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == service.client.archive(identifier).headers["Content-Length"]


def begun(
    port: int, identifier: str, buffer: int = 64 * 1024
) -> tuple[socket.socket, http.client.HTTPResponse]:
    """Ask for an archive and read its first bytes only."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET /api/jobs/{identifier}/archive HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    answer = http.client.HTTPResponse(client)
    answer.begin()
    assert answer.status == 200
    assert answer.read(4) == b"PK\3\4"
    return client, answer


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_an_output_that_changes_while_it_is_sent_cuts_the_archive(service, jobs, change):
    job = jobs.add_large(12, prefix=f"{change}-midway")
    client, answer = begun(service.api.port, job.key.name)
    key = f"{change}-midway/11.jpg"
    if change == "deleted":
        service.delete_object(key)
    else:
        service.put_object(key, bytes(2 * MIB))
    with client, pytest.raises(http.client.IncompleteRead):
        answer.read()
    assert eventually(
        lambda: [line for line in service.api.events("an archive was cut") if line["job_id"] == job.key.name]
    )


@pytest.fixture
def own(service) -> Iterator[tuple[Api, int]]:
    """An API of the test's own that shows its metrics, and the port of those."""
    port = data_servers.free_ports(["metrics"])["metrics"]
    api = Api(service.environ | {"METRICS_LISTEN": f"127.0.0.1:{port}", "MAX_ARCHIVE_STREAMS": "1"})
    yield api, port
    api.stop()


def metric(port: int, name: str) -> float:
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


READS = 'imagejobs_part_seconds_count{call="get_range",part="s3"}'
OPEN = 'imagejobs_open_streams{kind="archives"}'


def test_a_slow_reader_is_waited_for_and_a_gone_reader_ends_the_reads(service, jobs, own):
    api, port = own
    job = jobs.add_large(20, prefix="left")
    client, answer = begun(api.port, job.key.name)
    assert metric(port, OPEN) == 1
    refused = service.http.get(f"{api.url}/api/jobs/{job.key.name}/archive")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    waiting = eventually(lambda: (count := metric(port, READS)) >= 4 and count)
    assert waiting <= 8, "what nobody takes is not read from S3"
    answer.close()
    client.close()
    eventually(lambda: metric(port, OPEN) == 0)
    assert metric(port, READS) <= waiting + 4
    assert service.http.get(f"{api.url}/api/jobs/{job.key.name}/archive").status_code == 200


def test_a_large_archive_is_not_held_in_memory(service, jobs, own):
    api, _ = own
    job = jobs.add_large(100, prefix="memory")
    service.http.get(f"{api.url}/api/jobs/{job.key.name}")
    before, count = api.memory(), 0
    with service.http.stream("GET", f"{api.url}/api/jobs/{job.key.name}/archive") as answer:
        for part in answer.iter_bytes():
            count += len(part)
    assert count > 200 * MIB
    assert api.memory("VmHWM") - before < 40 * MIB, f"{(api.memory('VmHWM') - before) / MIB:.0f} MiB"


def test_an_archive_can_be_read_as_it_comes(service, jobs):
    """A reader that cannot seek finds each file's length and checksum before its bytes."""
    job = jobs.add_large(2, prefix="seekless")
    data = service.client.archive(job.key.name).content
    flags, method = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    assert (flags & 8, method) == (0, 0)
    assert int.from_bytes(data[22:26], "little") == 2 * MIB
    assert (
        int.from_bytes(data[14:18], "little")
        == opened(service.client.archive(job.key.name)).infolist()[0].CRC
    )
