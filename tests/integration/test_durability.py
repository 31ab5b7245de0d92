"""A 2xx answer means that the upload is on disk: volume, directory and job store were synced before it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import missing
from support.clock.waiting import eventually
from support.servers import local_stack

SYNC = re.compile(r"(?:fsync|fdatasync)\(\d+<(?P<file>[^>]+)>")


@pytest.fixture(autouse=True)
def strace() -> None:
    """Make sure that strace is there."""
    if shutil.which("strace") is None:
        missing("strace")


@contextlib.contextmanager
def traced(pid: int, log: Path) -> Iterator[None]:
    """Note every sync of a process and its threads."""
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(log), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        if "attached" not in first:
            missing(f"the right to attach strace to a process: {first.strip()}")
        eventually(lambda: all(_is_traced(task) for task in Path(f"/proc/{pid}/task").iterdir()))
        yield
        tracer.terminate()
        tracer.communicate()


def _is_traced(task: Path) -> bool:
    return "TracerPid:\t0\n" not in (task / "status").read_text()


def synced(log: Path) -> list[str]:
    return [Path(match["file"]).name for match in SYNC.finditer(log.read_text())]


@contextlib.contextmanager
def workers_stopped(stack: local_stack.LocalStack) -> Iterator[None]:
    """Hold the workers, so that what is synced belongs to the request and not to its results."""
    workers = [
        pid for pid in local_stack.children(stack.pid) if "imagejobs_worker" in local_stack.command_line(pid)
    ]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def test_an_accepted_job_and_its_image_are_synced_before_the_answer(stack, client, tmp_path):
    seaweed, api = tmp_path / "seaweed", tmp_path / "api"
    with workers_stopped(stack):
        with traced(stack.part("weed"), seaweed), traced(stack.part("imagejobs_api"), api):
            answer = client.post_image(
                local_stack.photo(seed=3), headers={"Prefer": "respond-async"}, width=100
            )
        assert answer.status_code == 202
    images, jobs = synced(seaweed), synced(api)
    assert [name for name in images if name.endswith(".dat")], images
    assert [name for name in images if name.startswith("filer.db")], images
    assert [name for name in jobs if name.startswith("jobs.db")], jobs
    assert client.wait_until_final(answer.json()["job_id"])["state"] == "Succeeded"
