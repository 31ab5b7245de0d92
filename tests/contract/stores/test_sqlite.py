"""What only the SQLite store promises: durability, several processes on one file, and clear errors."""

import asyncio
import itertools
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from imagejobs_contract.errors import Invalid, Misconfigured, NotFound, Unavailable
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.stores import sqlite, sqlite_feed, sqlite_reads, sqlite_schema, sqlite_writes
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_contract.stores.sqlite_schema import transaction
from support.clock.waiting import SECONDS, until
from support.cluster.store_feed import told_keys

WRITER = r"""
    import asyncio, sys
    from pathlib import Path
    from imagejobs_contract.model.imagejob import ImageJob
    from imagejobs_contract.model.items import Item
    from imagejobs_contract.model.spec import Spec
    from imagejobs_contract.model.names import JobKey
    from imagejobs_contract.stores.sqlite import SqliteStore

    async def main():
        store = SqliteStore(Path(sys.argv[1]))
        for n in range(int(sys.argv[3])):
            key = JobKey("default", f"{sys.argv[2]}-{n}")
            await store.create(ImageJob(key, Spec(items=(Item(key="a"),))))
            sys.stdout.write(f"{n}\n")
            sys.stdout.flush()
        await store.close()

    asyncio.run(main())
"""


def new(name: str = "a") -> ImageJob:
    return ImageJob(JobKey("default", name), Spec(items=(Item("a.jpg", key="photos/a.jpg"),)))


def play(path: Path, scenario: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def played() -> None:
        store = SqliteStore(path)
        try:
            await asyncio.wait_for(scenario(store), 4 * SECONDS)
        finally:
            await store.close()

    asyncio.run(played())


def writer(path: Path, name: str, count: int, *wrapper: str) -> subprocess.Popen[str]:
    command = [*wrapper, sys.executable, "-c", textwrap.dedent(WRITER), str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def test_the_files_can_be_read_by_their_owner_only(path):
    async def scenario(store: SqliteStore) -> None:
        await store.create(new())
        files = list(path.parent.glob("jobs.sqlite*"))
        assert {each.name for each in files} == {"jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"}
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}

    play(path, scenario)


def test_two_processes_that_start_at_once_on_a_new_file_lose_nothing(path):
    writers = [writer(path, name, 20) for name in ("one", "two")]
    for each in writers:
        with each:
            each.communicate(timeout=30)
            assert each.returncode == 0

    async def scenario(store: SqliteStore) -> None:
        assert {key.name for key in await store.keys()} == {
            f"{name}-{n}" for name in ("one", "two") for n in range(20)
        }

    play(path, scenario)


def test_what_a_killed_process_had_accepted_is_there_and_it_can_go_on(path):
    with writer(path, "w", 100_000) as killed:
        accepted = [line.strip() for line in itertools.islice(killed.stdout, 50)]
        killed.send_signal(signal.SIGKILL)

    async def scenario(store: SqliteStore) -> None:
        assert {f"w-{n}" for n in accepted} <= {key.name for key in await store.keys()}
        await store.create(new("next"))

    play(path, scenario)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_every_accepted_job_was_forced_to_the_disk(path, tmp_path):
    strace = shutil.which("strace")
    if (
        not strace
        or subprocess.run([strace, "-o", os.devnull, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("strace is not installed, or may not trace here")
    trace = tmp_path / "trace"
    with writer(
        path, "w", 10, strace, "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", str(trace)
    ) as traced:
        traced.communicate(timeout=60)
    calls = re.findall(r" (fsync|fdatasync|write)\((\d+)<([^>]*)>", trace.read_text())
    order = [
        "said" if call == "write" else "synced"
        for call, fd, file in calls
        if (call, fd) == ("write", "1") or file.endswith("-wal")
    ]
    assert order.count("said") == 10
    assert all(before == "synced" for before, after in itertools.pairwise(["", *order]) if after == "said")


@pytest.fixture
def questions(monkeypatch):
    """What the feeds asked the file, as it grows."""
    asked, version = [], sqlite_feed._data_version
    monkeypatch.setattr(sqlite_feed, "_data_version", lambda db: asked.append(db) or version(db))
    return asked


@pytest.fixture
def asking(monkeypatch):
    """Held while a feed asks the file: who holds it writes and returns between two questions."""
    lock, changed_since = threading.Lock(), sqlite_reads.changed_since

    def ask(*arguments):
        with lock:
            return changed_since(*arguments)

    monkeypatch.setattr(sqlite_reads, "changed_since", ask)
    return lock


def test_every_write_of_another_process_is_heard(path, questions):
    async def scenario(store: SqliteStore) -> None:
        other = SqliteStore(path)
        await other.create(new("before"))
        feed = told_keys(store)
        assert (await anext(feed)).name == "before"
        for n in range(20):
            heard, before = asyncio.ensure_future(anext(feed)), len(questions)
            await until(lambda before=before: len(questions) > before)
            await other.create(new(f"job-{n}"))
            assert (await heard).name == f"job-{n}"
        await feed.aclose()
        await other.close()

    play(path, scenario)


def test_a_store_without_echoes_tells_what_others_write_even_to_its_own_jobs(path, questions, asking):
    async def scenario(_: SqliteStore) -> None:
        store, other = SqliteStore(path, echoes=False), SqliteStore(path)
        await other.create(new("before"))
        feed = told_keys(store)
        assert (await anext(feed)).name == "before"
        for n in range(3):
            heard = asyncio.ensure_future(anext(feed))
            with asking:
                own, before = await store.create(new(f"own-{n}")), len(questions)
            await until(lambda before=before: len(questions) > before + 1)
            await other.delete(own.key)
            assert (await asyncio.wait_for(heard, SECONDS)).name == f"own-{n}"
            theirs = await other.create(new(f"other-{n}"))
            assert (await asyncio.wait_for(anext(feed), SECONDS)).name == f"other-{n}"
            await other.delete(theirs.key)
            assert (await asyncio.wait_for(anext(feed), SECONDS)).name == f"other-{n}"
        with asking:
            await store.create(new("last"))
        await other.create(new("after"))
        assert (await asyncio.wait_for(anext(feed), SECONDS)).name == "after"
        await feed.aclose()
        for each in (store, other):
            await each.close()

    play(path, scenario)


def test_a_store_without_echoes_is_told_of_a_write_whose_end_it_did_not_see(path, monkeypatch):
    begun = threading.Event()
    monkeypatch.setattr(sqlite, "transaction", lambda db: begun.set() or transaction(db))

    async def scenario(_: SqliteStore) -> None:
        store = SqliteStore(path, echoes=False)
        await store.create(new("before"))
        feed = told_keys(store)
        await anext(feed)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        begun.clear()
        writing = asyncio.ensure_future(store.create(new("cancelled")))
        await until(begun.is_set)
        writing.cancel()
        lock.execute("ROLLBACK")
        lock.close()
        assert (await asyncio.wait_for(anext(feed), SECONDS)).name == "cancelled"
        await feed.aclose()
        await store.close()

    play(path, scenario)


def test_waiting_for_changes_is_one_small_question_each_hundredth_of_a_second(path, monkeypatch, questions):
    waits = []

    class Event(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(sqlite_feed.threading, "Event", Event)

    async def scenario(store: SqliteStore) -> None:
        await store.create(new())
        feed = told_keys(store)
        await anext(feed)
        idle = asyncio.ensure_future(anext(feed))
        waits.clear()
        questions.clear()
        await until(lambda: sqlite_feed.IDLE_POLL_SECONDS in waits)
        assert set(waits) == {sqlite_feed.POLL_SECONDS, sqlite_feed.IDLE_POLL_SECONDS}
        assert abs(len(questions) - len(waits)) <= 1, "one between two waits"
        idle.cancel()
        await asyncio.gather(idle, return_exceptions=True)

    play(path, scenario)


def test_who_lags_behind_what_is_remembered_hears_of_everything(path, monkeypatch):
    monkeypatch.setattr(sqlite_writes, "MAX_CHANGE_ROWS", 3)
    monkeypatch.setattr(sqlite_writes, "_CHANGES_PER_PRUNING", 2)

    async def scenario(store: SqliteStore) -> None:
        await store.create(new("first"))
        feed = told_keys(store)
        assert (await anext(feed)).name == "first"
        for n in range(10):
            await store.create(new(f"job-{n}"))
        heard = {(await anext(feed)).name for _ in range(11)}
        assert heard == {"first", *(f"job-{n}" for n in range(10))}
        await feed.aclose()

    play(path, scenario)
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM changes").fetchone()[0] <= 5
    db.close()


def test_a_feed_that_was_left_open_does_not_hinder_closing(path):
    async def scenario(store: SqliteStore) -> None:
        await store.create(new())
        feed = told_keys(store)
        await anext(feed)
        await store.close()
        await feed.aclose()

    play(path, scenario)


def test_an_unreadable_job_is_left_out_of_lists_and_named_when_asked_for(path):
    async def scenario(store: SqliteStore) -> None:
        await store.create(new("good"))
        await store.create(new("bad"))
        db = sqlite3.connect(path)
        with db:
            db.execute("UPDATE jobs SET spec = '{\"surprise\": 1}' WHERE name = 'bad'")
        db.close()
        assert [job.key.name for job in (await store.list(None)).jobs] == ["good"]
        assert len(await store.keys()) == 2
        with pytest.raises(Invalid, match=r"spec\.items"):
            await store.get(JobKey("default", "bad"))
        await store.delete(JobKey("default", "bad"))

    play(path, scenario)


def test_a_full_disk_is_said_and_what_was_there_stays(path):
    async def scenario(store: SqliteStore) -> None:
        await store.create(new("early"))
        limit = await store._run(lambda: store._connected().execute("PRAGMA page_count").fetchone()[0])
        await store._run(lambda: store._connected().execute(f"PRAGMA max_page_count={limit}").fetchone())
        with pytest.raises(Unavailable, match="full"):
            await store.create(
                ImageJob(
                    JobKey("default", "huge"),
                    Spec(items=tuple(Item(key="k" * 900 + str(n)) for n in range(500))),
                )
            )
        await store._run(lambda: store._connected().execute("PRAGMA max_page_count=1000000").fetchone())
        await store.create(new("late"))
        assert {key.name for key in await store.keys()} == {"early", "late"}

    play(path, scenario)


def test_a_file_that_is_held_too_long_by_another_process_is_said(path, monkeypatch):
    async def scenario(store: SqliteStore) -> None:
        await store.keys()
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await store.create(new())
        db.execute("ROLLBACK")
        db.close()
        await store.create(new())

    monkeypatch.setattr(sqlite_schema, "BUSY_SECONDS", 0.2)
    play(path, scenario)


def test_a_change_that_fails_leaves_nothing_behind(path):
    def fail(_: Spec) -> Spec:
        raise KeyError("of the caller")

    async def scenario(store: SqliteStore) -> None:
        job = await store.create(new())
        with pytest.raises(KeyError):
            await store.change_spec(job.key, fail)
        with pytest.raises(NotFound):
            await store.change_spec(JobKey("default", "none"), fail)
        assert await store.get(job.key) == job

    play(path, scenario)


@pytest.mark.parametrize(
    "content", [b"this is a text file, not a database" * 50, None], ids=["a-text-file", "a-missing-folder"]
)
def test_a_file_that_is_no_database_is_said(path, content):
    where = path if content else path / "missing"
    if content:
        path.write_bytes(content)

    async def scenario(store: SqliteStore) -> None:
        with pytest.raises(Misconfigured):
            await store.keys()

    play(where, scenario)


def test_a_file_of_a_newer_version_is_left_alone(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=999")
    db.close()

    async def scenario(store: SqliteStore) -> None:
        with pytest.raises(Misconfigured, match="999"):
            await store.keys()

    play(path, scenario)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_said(tmp_path):
    tmp_path.chmod(0o500)

    async def scenario(store: SqliteStore) -> None:
        with pytest.raises(Misconfigured):
            await store.keys()

    play(tmp_path / "jobs.sqlite", scenario)
