"""The log and the exit code of a worker where the kernel has a cage, and where it lacks a layer of one."""

import json
import subprocess
import sys

import pytest

from imagejobs_contract.wire.shards import Exit
from imagejobs_worker.child import kernel, probe, seccomp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cages are made of what Linux has")
caged = pytest.mark.skipif(
    sys.platform != "linux" or bool(probe.probe_sandbox().missing), reason="needs Landlock and seccomp"
)
LANDLOCK_CALL = 444
NOT_THERE = 0x00050000 | 38
"""SECCOMP_RET_ERRNO with ENOSYS."""
RENDER = """
import asyncio, sys
sys.path.insert(0, "tests")
from support.images import pictures
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child.config import SandboxMode
from imagejobs_worker.child.decoder import Decoder

async def main():
    decoder = Decoder(Limits(), cage=SandboxMode(sys.argv[1]))
    try:
        photo = pictures.saved(pictures.photo(80, 60), "jpeg")
        print((await decoder.render(photo, [Variant(width=20)])).pictures[0].width)
    finally:
        await decoder.close()

asyncio.run(main())
"""


def without_landlock():
    """Be a process on a kernel that lacks it."""
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    seccomp.load(
        [(0x20, 0, 0, 0), (0x15, 0, 1, LANDLOCK_CALL), (0x06, 0, 0, NOT_THERE), (0x06, 0, 0, 0x7FFF0000)]
    )


def start(cage, prepare=None):
    """Start a shard that soon ends because it finds no storage; return its exit code and what it logged."""
    environ = {
        "CAGE": cage,
        "IMAGEJOB_NAME": "a",
        "IMAGEJOB_UID": "b",
        "IMAGEJOB_ATTEMPT": "1",
        "JOB_COMPLETION_INDEX": "0",
        "LOG_LEVEL": "INFO",
        "S3_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    command = [sys.executable, "-m", "imagejobs_worker", "shard"]
    with subprocess.Popen(
        command, env=environ, stderr=subprocess.PIPE, text=True, preexec_fn=prepare
    ) as process:
        events = []
        for line in process.stderr:
            events.append(json.loads(line))
            if events[-1]["event"].startswith("cage") and not (cage == "required" and events[-1]["missing"]):
                process.kill()
        return process.wait(), {each["event"]: each for each in events}


@caged
@pytest.mark.parametrize("mode", ["best", "required"])
def test_one_line_tells_what_holds(mode):
    line = start(mode)[1]["cage"]
    assert (line["level"], line["mode"], line["seccomp"], line["missing"]) == ("info", mode, True, [])
    assert line["landlock"] >= 1


@caged
def test_a_missing_part_is_told_and_the_worker_goes_on():
    line = start("best", without_landlock)[1]["cage"]
    assert (line["level"], line["landlock"], line["seccomp"], line["missing"]) == (
        "warning",
        0,
        True,
        ["landlock"],
    )


@caged
def test_a_worker_that_requires_a_cage_refuses_to_start_without():
    code, events = start("required", without_landlock)
    assert code == Exit.MISCONFIGURED
    assert "refused to start: CAGE=required, and this kernel or container lacks a part of it" in events


@caged
@pytest.mark.parametrize(("mode", "shown"), [("best", "20\n"), ("off", "20\n"), ("required", "")])
def test_images_are_made_without_a_part_unless_all_of_it_is_required(mode, shown):
    ended = subprocess.run(
        [sys.executable, "-c", RENDER, mode],
        capture_output=True,
        text=True,
        preexec_fn=without_landlock,
        check=False,
    )
    assert ended.stdout == shown
    assert ("internal_error" in ended.stderr or "inside imagejobs" in ended.stderr) is (mode == "required")
