"""Starting, stopping and crashing of the whole stack, as the person at the terminal sees it."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.local_stack import EndedEarly, LocalStack, alive, descendants, photo, running


@pytest.fixture
def data(tmp_path):
    # Words that servers read as something else, and more than a socket's path may have.
    return tmp_path / ("long " * 20) / "a, b?c=#%20" / "data"


def start_again(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imagejobs", "local", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_named_port_that_is_taken_fails_with_the_reason(data):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start_again("--data", data, "--port", port)
    assert done.returncode == 1
    assert f"Port {port} for the API is taken" in done.stderr


def test_bad_settings_end_the_start_with_their_names(data):
    with pytest.raises(EndedEarly, match="MAX_PIXELS"):
        LocalStack(data, environ={"MAX_PIXELS": "many"}).start()


def test_ctrl_c_ends_every_process_and_the_next_start_has_the_jobs(data):
    with running(data, "--workers", "1") as stack:
        with local_stack.client(stack) as client:
            job = client.post_image(photo(), width=400).json()["job_id"]
        assert start_again("--data", data).stderr.startswith("Error: imagejobs already runs on")
        processes = descendants(stack.pid)
        assert len(processes) >= 5
        assert stack.stop(signal.SIGINT) == 0
        assert alive(processes) == []
        assert "Jobs and images are kept in" in stack.terminal_output()
        assert not (data / "endpoint").exists()
        stack.start()
        with local_stack.client(stack) as client:
            assert client.progress(job)["progress"] == 100
            assert local_stack.download(client, job).width == 400
        assert stack.stop(signal.SIGTERM) == 0


def test_a_killed_supervisor_takes_everything_with_it_and_the_next_start_goes_on(data):
    with running(data, "--workers", "1") as stack:
        with local_stack.client(stack) as client:
            os.kill(stack.part("imagejobs_worker"), signal.SIGSTOP)
            batch = client.batch({f"{n}.jpg": photo(seed=n) for n in range(4)}, width=100)["batch_job_id"]
        processes = descendants(stack.pid)
        stack.kill_supervisor()
        eventually(lambda: alive(processes) == [], seen=lambda: alive(processes))
        stack.start()
        assert "1 unfinished, going on" in stack.terminal_output()
        with local_stack.client(stack) as client:
            assert client.wait_until_final(batch, 30)["state"] == "Succeeded"


def test_the_work_of_a_killed_worker_runs_again_within_15_seconds(data):
    with running(data, "--workers", "1") as stack, local_stack.client(stack) as client:
        worker = stack.part("imagejobs_worker")
        batch = client.batch({f"{n}.jpg": photo(2400, 1800, seed=n) for n in range(8)}, width=100)[
            "batch_job_id"
        ]
        eventually(lambda: client.progress(batch)["done"] >= 1, 60)
        os.kill(worker, signal.SIGKILL)
        assert client.wait_until_final(batch, 15)["state"] == "Succeeded"
        assert client.progress(batch)["done"] == 8


def test_a_redis_and_an_s3_of_the_person_are_used_instead(data, redis_url, s3_settings):
    environ = {
        "REDIS_URL": redis_url, "S3_ENDPOINT": s3_settings.endpoint, "S3_BUCKET": s3_settings.bucket,
        "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": s3_settings.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3_settings.secret_access_key,
    }  # fmt: skip
    with running(data, "--workers", "1", environ=environ) as stack, local_stack.client(stack) as client:
        assert not [
            pid
            for pid in descendants(stack.pid)
            if "weed" in local_stack.command_line(pid) or "valkey" in local_stack.command_line(pid)
        ]
        assert client.post_image(photo(), width=50).status_code == 200
