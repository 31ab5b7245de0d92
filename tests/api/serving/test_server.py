"""The program itself: starting, memory, draining, stopping."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx2
import pytest
import uvloop

from imagejobs_api.serving import server
from support.api import forms, server_sockets
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually

MIB = 2**20


@pytest.fixture
def own(service):
    """An API of the test's own on the service's parts, with room for large files."""
    api = Api(service.environ | {"MAX_FILE_BYTES": str(70 * MIB), "MAX_BATCH_BYTES": str(200 * MIB)})
    yield api
    api.stop()


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [sys.executable, "-m", "imagejobs_api"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_listening_to_the_world_without_keys_must_be_asked_for():
    done = run(LISTEN="0.0.0.0:0", JOB_STORE="sqlite:/nowhere")
    assert done.returncode == 2
    assert "ALLOW_ANONYMOUS=true" in done.stderr


def test_a_port_that_is_taken_is_said_in_a_sentence(service):
    done = run(LISTEN=f"127.0.0.1:{service.api.port}", JOB_STORE="sqlite:/nowhere")
    assert done.returncode == 1
    assert done.stderr == f"cannot listen on 127.0.0.1:{service.api.port}: Address already in use\n"


async def turns_until_taken(clients: int) -> int:
    """Return how often the loop turns until so many clients, who came at once, have their connections."""
    taken: list[asyncio.BaseTransport] = []

    class Guest(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    loop, sockets = asyncio.get_running_loop(), server.duplicate_sockets(server.listen("127.0.0.1", 0))
    servers = [await loop.create_server(Guest, sock=each) for each in sockets]
    waiting = [socket.create_connection(sockets[0].getsockname()) for _ in range(clients)]
    turns = 0
    while len(taken) < clients:
        turns += 1
        await asyncio.sleep(0)  # a turn of the loop
    for each in (*taken, *waiting, *servers, *sockets):
        each.close()
    return turns


def test_a_crowd_of_connections_is_taken_in_a_few_turns_of_the_loop():
    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        assert runner.run(turns_until_taken(64)) <= 16


def test_a_large_upload_is_not_held_in_memory(service, own):
    noise = b"\xff\xd8\xff\xe0" + os.urandom(64 * MIB)
    before = own.memory()
    with httpx2.Client(timeout=60) as http:
        answer = http.post(f"{own.url}/api/resize", files={"image": ("big.jpg", noise)}, data={"width": "5"})
        assert http.get(answer.json()["download_url"]).text == f"5xNone of {len(noise)} bytes"
    assert own.memory("VmHWM") - before < 40 * MIB


def test_a_large_upload_that_is_cut_leaves_nothing_half_done_in_s3(service, own):
    before = service.keys("uploads/")
    content = forms.body(forms.file("image", b"\xff\xd8\xff\xe0" + bytes(40 * MIB)))
    with forms.connection(own.port) as connection:
        connection.sendall(
            forms.request_head("/api/resize", forms.headers(len(content))) + content[: 30 * MIB]
        )
        eventually(lambda: service.unfinished_uploads() or service.keys("uploads/") != before)
    eventually(lambda: not service.unfinished_uploads())
    assert service.keys("uploads/") == before


def test_a_stop_answers_those_who_wait_and_ends_well(service, own):
    service.worker.pause()
    answers = []

    def post():
        body = forms.body(forms.file("image", JPEG))
        answers.append(
            httpx2.post(
                f"{own.url}/api/resize",
                content=body,
                headers=forms.headers() | {"Prefer": "wait=60"},
                timeout=30,
            )
        )

    jobs = len(service.worker.jobs())
    waiting = threading.Thread(target=post)
    waiting.start()
    eventually(lambda: len(service.worker.jobs()) > jobs)
    assert own.stop() == 0
    waiting.join(10)
    assert [answer.status_code for answer in answers] == [202]


def test_a_stop_lets_an_upload_end(service, own):
    body = forms.body(forms.file("image", JPEG * 100))
    with forms.connection(own.port) as connection:
        connection.sendall(
            forms.request_head("/api/resize", forms.headers(len(body)) | {"Prefer": "respond-async"})
            + body[:50_000]
        )
        eventually(lambda: server_sockets.has_read(own.port, connection))
        own.process.send_signal(signal.SIGTERM)
        eventually(lambda: server_sockets.refuses(own.port))
        connection.sendall(body[50_000:])
        assert forms.answer(connection).status == 202
    assert own.process.wait(15) == 0


def test_an_idle_connection_is_closed(service):
    with forms.connection(service.api.port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        begin = time.monotonic()
        while connection.recv(4096):
            pass
        assert time.monotonic() - begin > 3


def test_logs_are_json_lines_without_queries_and_links(service):
    service.http.get("/api/progress/nope?secret=1", headers={"X-Request-ID": "seen-once"})
    line = eventually(lambda: [each for each in service.api.lines if each.get("request_id") == "seen-once"])[
        0
    ]
    assert line["program"] == "api"
    assert "secret" not in str(service.api.lines)
    assert "X-Amz-Signature" not in str(service.api.lines)
