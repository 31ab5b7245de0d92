"""The supervisor over real processes: small Python programs that write down what happens to them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs.local import probes
from imagejobs.local.errors import CannotRun
from imagejobs.local.program import LOG_BYTES, Program
from imagejobs.local.supervisor import ProcessKeeper, describe_end, stop_in_order
from support.clock.waiting import eventually, until

READY = 'print(\'{"event": "ready"}\', flush=True)\n'
SLEEP = "import time\n" + READY + "time.sleep(60)\n"
SUPERVISOR = """
import asyncio, sys
sys.path[:0] = ["FOLDER", "TESTS"]
from pathlib import Path
import test_supervisor as t

async def run():
    async with t.kept(t.program(Path(sys.argv[1]), t.SLEEP)) as (keepers, _, _):
        await t.ready(keepers[0])
        print(keepers[0].pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(run())
"""


def program(folder: Path, code: str, name: str = "part", grace_seconds: float = 5.0) -> Program:
    return Program(
        name,
        (sys.executable, "-c", code),
        dict(os.environ),
        folder,
        folder / f"{name}.log",
        probes.log_has_ready_event,
        grace_seconds,
    )


@contextlib.asynccontextmanager
async def kept(*programs: Program):
    said: list[str] = []
    keepers = [ProcessKeeper(each, said.append, ()) for each in programs]
    tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
    try:
        yield keepers, tasks, said
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await stop_in_order([keepers])


async def ready(keeper: ProcessKeeper) -> None:
    async with asyncio.timeout(10):
        await keeper.ready.wait()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


def test_a_program_is_ready_once_it_says_so(tmp_path):
    async def run():
        begun, may = tmp_path / "begun", tmp_path / "may"
        code = "import pathlib, time\npathlib.Path('begun').touch()\n"
        code += "while not pathlib.Path('may').exists():\n    time.sleep(0.01)\n"
        async with kept(program(tmp_path, code + SLEEP)) as (keepers, _, _):
            await until(begun.exists)
            assert not keepers[0].ready.is_set()
            may.touch()
            await ready(keepers[0])

    asyncio.run(run())


def test_a_killed_program_is_started_again_and_one_line_says_so(tmp_path):
    async def run():
        async with kept(program(tmp_path, SLEEP)) as (keepers, _, said):
            await ready(keepers[0])
            first = keepers[0].pid
            os.kill(first, signal.SIGKILL)
            await until(lambda: keepers[0].pid != first)
            assert said == ["part was ended by SIGKILL; it starts again in 0.2 s."]

    asyncio.run(run())


def test_the_delay_grows_while_a_program_keeps_ending(tmp_path):
    async def run():
        async with kept(program(tmp_path, READY + "import time\ntime.sleep(0.1)")) as (_, _, said):
            await until(lambda: len(said) >= 3)
        assert [line.split(" in ")[1] for line in said[:3]] == ["0.2 s.", "0.4 s.", "0.8 s."]

    asyncio.run(run())


def test_bad_settings_stop_everything_at_once_with_the_end_of_the_log(tmp_path):
    async def run():
        code = "import sys\nsys.stderr.write('bad settings:\\n  MAX_PIXELS: x')\nsys.exit(2)"
        async with kept(program(tmp_path, code)) as (_, tasks, _), asyncio.timeout(10):
            with pytest.raises(CannotRun, match=r"(?s)part ended with code 2.*MAX_PIXELS: x"):
                await tasks[0]

    asyncio.run(run())


def test_a_program_that_never_becomes_ready_stops_everything_after_five_tries(tmp_path):
    async def run():
        async with kept(program(tmp_path, "raise SystemExit(1)")) as (_, tasks, said), asyncio.timeout(30):
            with pytest.raises(CannotRun, match="before it was ready"):
                await tasks[0]
            assert len(said) == 4

    asyncio.run(run())


def test_a_missing_program_is_reported_in_a_sentence(tmp_path):
    missing = Program(
        "weed",
        (str(tmp_path / "weed"),),
        {},
        tmp_path,
        tmp_path / "weed.log",
        probes.log_has_ready_event,
        1.0,
    )

    async def run():
        async with kept(missing) as (_, tasks, _):
            with pytest.raises(CannotRun, match="weed cannot be started: No such file"):
                await tasks[0]

    asyncio.run(run())


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(tmp_path):
    async def run():
        stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
        async with kept(program(tmp_path, stubborn, grace_seconds=0.3)) as (keepers, _, _):
            await ready(keepers[0])
            return keepers[0].pid

    assert not lives(asyncio.run(run()))


def test_what_a_program_started_ends_with_it_however_it_ends(tmp_path):
    code = "import subprocess, pathlib\np = subprocess.Popen(['sleep', '60'])\n"
    code += "pathlib.Path('pid').write_text(str(p.pid))\n" + SLEEP

    async def run():
        async with kept(program(tmp_path, code)) as (keepers, _, _):
            await ready(keepers[0])
            grandchild = int((tmp_path / "pid").read_text())
            os.kill(keepers[0].pid, signal.SIGKILL)
            await until(lambda: not lives(grandchild))

    asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_the_programs_end_when_their_supervisor_is_killed(tmp_path):
    here = Path(__file__).parent
    code = SUPERVISOR.replace("FOLDER", str(here)).replace("TESTS", str(here.parents[1]))
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as supervisor:
        child = int(supervisor.stdout.readline())
        supervisor.kill()
    eventually(lambda: not lives(child))


def test_groups_end_one_after_the_other(tmp_path):
    def ending(name: str) -> Program:
        code = "import signal, sys, time\ndef end(*_):\n    time.sleep(0.1)\n"
        code += (
            f"    open('order', 'a').write('{name} ')\n    sys.exit()\nsignal.signal(signal.SIGTERM, end)\n"
        )
        return program(tmp_path, code + SLEEP, name)

    async def run():
        keepers = [ProcessKeeper(ending(name), lambda _: None, ()) for name in ("api", "operator", "worker")]
        tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
        for keeper in keepers:
            await ready(keeper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await stop_in_order([[keeper] for keeper in keepers])

    asyncio.run(run())
    assert (tmp_path / "order").read_text() == "api operator worker "


def test_a_large_log_is_put_aside_before_the_program_starts(tmp_path):
    (tmp_path / "part.log").write_bytes(b"x" * (LOG_BYTES + 1))

    async def run():
        async with kept(program(tmp_path, SLEEP)) as (keepers, _, _):
            await ready(keepers[0])

    asyncio.run(run())
    assert (tmp_path / "part.log.1").stat().st_size > LOG_BYTES
    assert (tmp_path / "part.log").stat().st_size < 1000


@pytest.mark.parametrize(
    ("status", "text"), [(0, "ended with code 0"), (3, "ended with code 3"), (-9, "was ended by SIGKILL")]
)
def test_an_end_is_described(status, text):
    assert describe_end(status) == text
