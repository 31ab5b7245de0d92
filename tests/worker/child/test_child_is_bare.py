"""A child has nothing of the parent but its socket."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child.decoder import Decoder
from support.clock.waiting import eventually
from support.images import pictures

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
PHOTO = pictures.saved(pictures.photo(80, 60), "jpeg")
SECRET = "a-secret-of-the-parent"


@pytest.fixture(scope="module")
def child():
    """The /proc folder of a child whose parent has a secret, an open file and a listening socket."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Path(__file__).open() as file,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        os.set_inheritable(file.fileno(), True)
        os.set_inheritable(listening.fileno(), True)
        loop, decoder = asyncio.new_event_loop(), Decoder(Limits(), memory_bytes=1 << 30)
        loop.run_until_complete(decoder.start())
        loop.run_until_complete(decoder.render(PHOTO, [Variant(width=20)]))
        yield Path(f"/proc/{decoder.child_pid}")
        loop.run_until_complete(decoder.close())
        loop.close()


def descriptors_of(process):
    return {each.name: str(each.readlink()) for each in (process / "fd").iterdir() if each.is_symlink()}


def zygote(child):
    return Path("/proc") / (child / "stat").read_text().rsplit(")", 1)[1].split()[1]


def test_its_environment_has_nothing_but_settings_of_libraries(child):
    expected = b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1\0OPENBLAS_NUM_THREADS=1\0ORT_DISABLE_TELEMETRY=1\0"
    assert (child / "environ").read_bytes() == expected
    assert (zygote(child) / "environ").read_bytes() == (child / "environ").read_bytes()


def test_its_memory_does_not_hold_the_secret(child):
    """A fork of the parent would hold copies of it."""
    assert SECRET.encode() in memory_of(Path("/proc/self"))
    assert SECRET.encode() not in memory_of(child)


def test_it_holds_one_socket_the_null_device_and_a_pipe_of_its_own(child):
    held = descriptors_of(child)
    assert held.pop("0").startswith("socket:")
    assert held.pop("1") == "/dev/null"
    pipe = held["2"]
    assert held == {"2": pipe, "3": pipe}
    assert pipe.startswith("pipe:")
    assert pipe not in descriptors_of(Path("/proc/self")).values()


def test_it_has_one_thread_and_its_limits(child):
    limits = (child / "limits").read_text()
    assert "Threads:\t1\n" in (child / "status").read_text()
    assert limit(limits, "Max core file size") == ["0", "0"]
    assert limit(limits, "Max address space") == [str(1 << 30)] * 2
    assert int(limit(limits, "Max cpu time")[0]) < 60


def test_it_ends_with_its_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(f"""
import asyncio, time
from imagejobs_worker.child.decoder import Decoder
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant

async def main():
    decoder = Decoder(Limits())
    await decoder.start()
    await decoder.render({PHOTO!r}, [Variant(width=20)])
    print(decoder.child_pid, flush=True)
    time.sleep(60)

asyncio.run(main())
""")
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        pid = int(parent.stdout.readline())
        both = [Path(f"/proc/{pid}"), zygote(Path(f"/proc/{pid}"))]
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: not any(running(each) for each in both))


def limit(text, name):
    line = next(line for line in text.splitlines() if line.startswith(name))
    return line.removeprefix(name).split()[:2]


def running(process):
    try:
        return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_of(process):
    """Return all writable memory of a process."""
    areas = [line.split() for line in (process / "maps").read_text().splitlines()]
    found = []
    with (process / "mem").open("rb", 0) as memory:
        for area in areas:
            if not area[1].startswith("rw") or area[-1] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(each, 16) for each in area[0].split("-"))
            if end - start < 256 << 20:
                memory.seek(start)
                try:
                    found.append(memory.read(end - start))
                except OSError:
                    continue
    return b"".join(found)
