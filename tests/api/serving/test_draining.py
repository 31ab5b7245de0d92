"""SIGTERM during answers and uploads: they end in time or are visibly cut, and nothing partial stays."""

import http.client
import json
import signal
import socket
import zipfile
from io import BytesIO

import pytest

from support.api import forms, server_sockets
from support.api.finished_jobs import FinishedJobs
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually

MIB = 2**20
LINES = 100_000


@pytest.fixture
def start(service):
    """Return a function that starts an API with so much time for draining."""
    started: list[Api] = []

    def begin(seconds: int) -> Api:
        started.append(
            Api(service.environ | {"DRAIN_SECONDS": str(seconds), "MAX_FILE_BYTES": str(70 * MIB)})
        )
        return started[-1]

    yield begin
    for api in started:
        api.stop()


def asked(api: Api, path: str, extra: str = "") -> http.client.HTTPResponse:
    """Ask for a stream and read only as much of it as comes with the head."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(30)
    client.connect(("127.0.0.1", api.port))
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/x-ndjson\r\n{extra}\r\n".encode()
    )
    answer = http.client.HTTPResponse(client)
    answer.begin()
    client.close()  # the answer keeps it open
    assert answer.status == 200
    return answer


def socket_of(answer: http.client.HTTPResponse) -> socket.socket:
    return answer.fp.raw._sock  # type: ignore[union-attr]


def stopping(api: Api) -> None:
    api.process.send_signal(signal.SIGTERM)
    eventually(lambda: server_sockets.refuses(api.port))


def stream(jobs: FinishedJobs, kind: str) -> str:
    """Return the path of a stream that is larger than what sockets hold."""
    if kind == "archive":
        return f"/api/jobs/{jobs.add_large(16, prefix='drained').key.name}/archive"
    return f"/api/jobs/{jobs.add([], total=LINES).key.name}/results"


@pytest.mark.parametrize("kind", ["archive", "lines"])
def test_a_stream_that_ends_in_time_is_whole(jobs, start, kind):
    api = start(200)
    answer = asked(api, stream(jobs, kind))
    stopping(api)
    data = answer.read()
    assert api.process.wait(60) == 0
    if kind == "archive":
        assert zipfile.ZipFile(BytesIO(data)).testzip() is None
    else:
        assert len([json.loads(line) for line in data.splitlines()]) == LINES


@pytest.mark.parametrize("kind", ["archive", "lines"])
def test_a_stream_that_outlasts_the_time_is_cut_and_does_not_look_whole(jobs, start, kind):
    api = start(1)
    answer = asked(api, stream(jobs, kind))
    stopping(api)
    assert api.process.wait(60) == 0
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()


def test_an_upload_that_outlasts_the_time_leaves_nothing_behind(service, start):
    api = start(1)
    before = service.keys("uploads/")
    content = forms.body(forms.file("image", b"\xff\xd8\xff\xe0" + bytes(40 * MIB)))
    with forms.connection(api.port) as connection:
        connection.sendall(
            forms.request_head("/api/resize", forms.headers(len(content))) + content[: 30 * MIB]
        )
        eventually(lambda: service.unfinished_uploads() or service.keys("uploads/") != before)
        stopping(api)
        assert api.process.wait(15) == 0
    assert (service.unfinished_uploads(), service.keys("uploads/")) == ([], before)


def test_who_followed_a_server_that_stopped_goes_on_at_another(service, start):
    service.worker.pause()
    api = start(20)
    identifier = service.http.post("/api/batch", files=[("images[]", ("a.jpg", JPEG))]).json()["batch_job_id"]
    path = f"/api/progress/{identifier}/events"
    with service.http.stream("GET", f"{api.url}{path}") as answer:
        lines = answer.iter_lines()
        last = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        stopping(api)
        assert not [
            line for line in lines if line.startswith("id: ")
        ]  # and the stream ends as a whole one, so that browsers come back
    service.worker.resume()
    with service.http.stream("GET", path, headers={"Last-Event-ID": last}) as answer:
        told = [
            json.loads(line.removeprefix("data: "))
            for line in answer.iter_lines()
            if line.startswith("data: ")
        ]
    assert told[-1]["state"] == "Succeeded"
    assert api.process.wait(15) == 0


def test_lines_to_a_client_that_owes_a_body_do_not_look_whole_when_they_are_not(service, jobs):
    """The body that was announced never comes: after 10 s that ends the answer, which goes on for longer."""
    answer = asked(service.api, stream(jobs, "lines"), "Content-Length: 5\r\n")
    eventually(lambda: not server_sockets.is_open(service.api.port, socket_of(answer)))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
