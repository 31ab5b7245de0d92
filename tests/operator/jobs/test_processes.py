"""Jobs as processes of one machine: real processes of a small script that ends as the test asks."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.wire.shards import Exit
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Presence
from imagejobs_operator.jobs import processes
from imagejobs_operator.jobs.processes import ProcessJobs
from support.clock.waiting import until, until_read

SCRIPT = """
import os, pathlib, signal, sys, time
folder, shard = pathlib.Path(os.environ["FOLDER"]), os.environ["JOB_COMPLETION_INDEX"]
def end(*_):
    while (folder / "saving").exists():
        time.sleep(0.01)
    (folder / "saved").touch()
    sys.exit(75)
signal.signal(signal.SIGTERM, signal.SIG_IGN if (folder / "deaf").exists() else end)
me = folder / f"running-{os.getpid()}"
me.touch()
with (folder / "at-once").open("a") as counts:
    counts.write(f"{len(list(folder.glob('running-*')))}\\n")
with (folder / "log").open("a") as log:
    log.write(f"{os.getpid()} {shard} {os.environ['IMAGEJOB_NAME']} {os.environ['IMAGEJOB_ATTEMPT']}\\n")
while (folder / "hold").exists():
    time.sleep(0.01)
me.unlink()
told = folder / shard
codes = told.read_text().split() if told.exists() else []
if codes:
    told.write_text(" ".join(codes[1:]))
sys.exit(int(codes[0]) if codes else 0)
"""
JOB = ImageJob(JobKey("default", "holiday"), Spec(items=(Item("a", "a"),), parallelism=3), uid="u-1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    monkeypatch.setattr(processes, "CLOSE_SECONDS", 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    (tmp_path / "hold").unlink(missing_ok=True)


def run(folder: Path, act: Callable[[ProcessJobs], Awaitable[object]], most: int = 2) -> ProcessJobs:
    async def whole() -> ProcessJobs:
        jobs = ProcessJobs((sys.executable, "-S", "-c", SCRIPT), {"FOLDER": str(folder)}, most, utc_now)
        try:
            await act(jobs)
        finally:
            await jobs.close()
        return jobs

    return asyncio.run(whole())


async def until_child(jobs: ProcessJobs, holds: Callable[[ChildJob], bool], attempt: int = 1) -> ChildJob:
    return await until_read(lambda: jobs.get(JOB, attempt), holds)


async def ended(jobs: ProcessJobs) -> ChildJob:
    return await until_child(jobs, lambda child: child.ended is not None)


def begun(folder: Path) -> list[str]:
    return (
        [line.split()[1] for line in (folder / "log").read_text().splitlines()]
        if (folder / "log").exists()
        else []
    )


def test_every_shard_runs_once_and_the_listener_is_called(folder: Path) -> None:
    told: list[JobKey] = []

    async def act(jobs: ProcessJobs) -> None:
        jobs.on_change(told.append)
        for _ in range(2):
            await jobs.create(JOB, 1, 5)
        child = await ended(jobs)
        assert (child.presence, child.ended, child.active, child.reason) == (
            Presence.OURS,
            ChildEnd.COMPLETE,
            0,
            "",
        )

    run(folder, act)
    assert sorted(begun(folder)) == list("01234")
    assert set(told) == {JOB.key}
    assert " holiday 1\n" in (folder / "log").read_text()


def test_no_more_run_at_once_than_the_machine_was_given_and_the_job_asks_for(folder: Path) -> None:
    (folder / "hold").touch()

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 9)
        await until_child(jobs, lambda child: child.active == 2)
        await until(lambda: len(begun(folder)) == 2)
        await jobs.create(JOB, 2, 9)
        assert ((await jobs.get(JOB, 1)).active, (await jobs.get(JOB, 2)).active) == (2, 0)
        await jobs.set_parallelism(JOB, 1, 1)
        (folder / "hold").unlink()
        await ended(jobs)
        await until_child(jobs, lambda child: child.ended is not None, 2)

    run(folder, act)
    assert sorted(begun(folder)) == sorted("012345678" * 2)
    assert max(map(int, (folder / "at-once").read_text().split())) == 2


def test_a_shard_that_was_lost_is_tried_again_and_poison_is_not(folder: Path) -> None:
    (folder / "0").write_text(f"{int(Exit.LOST)} 1 0")
    (folder / "1").write_text(f"{int(Exit.POISON)}")

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 3)
        child = await ended(jobs)
        assert (child.ended, child.reason) == (ChildEnd.FAILED, "FailedIndexes")

    run(folder, act)
    assert sorted(begun(folder)) == ["0", "0", "0", "1", "2"]


def test_a_shard_whose_process_cannot_be_started_now_is_tried_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = folder / "program"

    async def whole() -> ChildJob:
        jobs = ProcessJobs((str(program),), {"FOLDER": str(folder)}, 2, utc_now)
        await jobs.create(JOB, 1, 4)
        await until(lambda: "a shard cannot be started" in caplog.messages)
        program.with_suffix(".new").write_text(f"#!{sys.executable} -S\n{SCRIPT}")
        program.with_suffix(".new").chmod(0o755)
        program.with_suffix(".new").rename(program)
        try:
            return await ended(jobs)
        finally:
            await jobs.close()

    assert asyncio.run(whole()).ended is ChildEnd.COMPLETE
    assert sorted(begun(folder)) == ["0", "1", "2", "3"]


def test_a_shard_that_never_ends_well_is_given_up(folder: Path) -> None:
    (folder / "0").write_text("1 " * 20)

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 1)
        assert (await ended(jobs)).ended is ChildEnd.FAILED

    run(folder, act)
    assert len(begun(folder)) == 1 + processes.TRIES_PER_SHARD


def test_wrong_settings_of_the_workers_end_the_job_at_once(folder: Path) -> None:
    (folder / "0").write_text(f"{int(Exit.MISCONFIGURED)}")

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 100)
        child = await ended(jobs)
        assert (child.ended, child.reason) == (ChildEnd.FAILED, "PodFailurePolicy")

    run(folder, act)
    assert len(begun(folder)) < 20


def test_a_suspended_job_has_no_process_and_goes_on_where_it_was(folder: Path) -> None:
    (folder / "hold").touch()

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 3)
        await until_child(jobs, lambda child: child.active == 2)
        await jobs.suspend(JOB, 1, True)
        child = await jobs.get(JOB, 1)
        assert (child.suspended, child.active, child.ended) == (True, 0, None)
        (folder / "hold").unlink()
        await jobs.suspend(JOB, 1, False)
        assert (await ended(jobs)).ended is ChildEnd.COMPLETE

    run(folder, act)
    assert set(begun(folder)) == {"0", "1", "2"}


def test_a_suspended_job_has_longer_for_its_checkpoint_than_a_program_that_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 60.0)
    (folder / "hold").touch()
    (folder / "saving").touch()

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 1)
        await until(lambda: len(begun(folder)) == 1)
        suspending = asyncio.create_task(jobs.suspend(JOB, 1, True))
        await asyncio.wait([suspending], timeout=2 * processes.CLOSE_SECONDS)  # plays a slow checkpoint
        (folder / "saving").unlink()
        await suspending
        assert (folder / "saved").exists()

    run(folder, act)


@pytest.mark.parametrize("stop", ["suspend", "delete"])
def test_the_listener_hears_that_a_job_was_stopped_which_waited_for_a_process(
    folder: Path, stop: str
) -> None:
    (folder / "hold").touch()
    waiting, told = replace(JOB, key=JobKey("default", "waiting"), uid=Uid("u-2")), list[JobKey]()

    async def act(jobs: ProcessJobs) -> None:
        jobs.on_change(told.append)
        await jobs.create(JOB, 1, 2)
        await until_child(jobs, lambda child: child.active == 2)
        await jobs.create(waiting, 1, 2)
        await (jobs.suspend(waiting, 1, True) if stop == "suspend" else jobs.delete(waiting, 1))
        assert told == [waiting.key]

    run(folder, act)


@pytest.mark.parametrize("end", ["delete", "abandon"])
@pytest.mark.parametrize("deaf", [False, True])
def test_a_deleted_job_is_gone_with_its_processes_also_with_one_that_does_not_listen(
    folder: Path, deaf: bool, end: str
) -> None:
    (folder / "hold").touch()
    if deaf:
        (folder / "deaf").touch()

    async def act(jobs: ProcessJobs) -> None:
        await jobs.create(JOB, 1, 3)
        await until_child(jobs, lambda child: child.active == 2)
        await until(lambda: len(begun(folder)) == 2)
        await (jobs.delete(JOB, 1) if end == "delete" else jobs.stop_all(JOB.uid))
        assert await jobs.get(JOB, 1) == ChildJob()

    run(folder, act)
    pids = [line.split()[0] for line in (folder / "log").read_text().splitlines()]
    assert not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids)


def test_the_jobs_of_an_imagejob_are_found_by_attempt_and_no_other_ones(folder: Path) -> None:
    (folder / "hold").touch()
    other = replace(JOB, key=JobKey("default", "other"), uid=Uid("u-2"))

    async def act(jobs: ProcessJobs) -> None:
        for job, attempt in ((JOB, 1), (JOB, 3), (other, 2)):
            await jobs.create(job, attempt, 1)
        assert {attempt: child.presence for attempt, child in (await jobs.find_all(JOB)).items()} == {
            1: Presence.OURS,
            3: Presence.OURS,
        }
        assert await jobs.find_all(replace(JOB, uid=Uid("u-3"))) == {}

    run(folder, act)


def test_what_is_not_known_is_not_there(folder: Path) -> None:
    async def act(jobs: ProcessJobs) -> None:
        for each in (jobs.suspend(JOB, 1, True), jobs.set_parallelism(JOB, 1, 2), jobs.delete(JOB, 1)):
            await each
        assert await jobs.get(JOB, 1) == ChildJob()

    run(folder, act)
