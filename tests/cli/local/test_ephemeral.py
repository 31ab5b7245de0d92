"""The folder of `--ephemeral`: there while it runs, gone afterwards, however the run ended."""

import subprocess
import sys
import tempfile
import threading

import pytest

from imagejobs.local import ephemeral, folder_lock
from imagejobs.local.errors import CannotRun

HOLDS = """
import sys, tempfile, time
from imagejobs.local import ephemeral
tempfile.tempdir = sys.argv[1]
with ephemeral.data_folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_its_owners_only_and_gone_at_the_end(temporary):
    with ephemeral.data_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "jobs.db").touch()
    assert list(temporary.iterdir()) == []


def test_a_start_removes_what_a_killed_run_left_and_not_what_another_uses(temporary):
    (temporary / "notes").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, temporary], stdout=subprocess.PIPE, text=True
    ) as killed:
        left = killed.stdout.readline().strip()
        with ephemeral.data_folder() as second:
            assert {each.name for each in temporary.iterdir()} == {
                left.rpartition("/")[2],
                second.name,
                "notes",
            }
        killed.kill()
        killed.wait()
        with ephemeral.data_folder() as third:
            assert {each.name for each in temporary.iterdir()} == {third.name, "notes"}


def test_starts_at_once_do_not_take_each_others_new_folders_for_abandoned(temporary):
    gate, lost = threading.Barrier(8), []

    def run() -> None:
        gate.wait()
        for _ in range(25):
            with ephemeral.data_folder() as folder:
                (folder / "x").touch()
                if not (folder / "x").exists():
                    lost.append(folder)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert lost == []
    assert list(temporary.iterdir()) == []


def test_without_a_place_for_it_the_reason_is_a_sentence(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(CannotRun, match="Name a place with TMPDIR"), ephemeral.data_folder():
        pass


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_none(temporary, monkeypatch):
    folder = temporary / "x"
    real = folder_lock.fcntl.flock

    def removed_first(descriptor, how):
        folder.rmdir()
        monkeypatch.setattr(folder_lock.fcntl, "flock", real)
        real(descriptor, how)

    monkeypatch.setattr(folder_lock.fcntl, "flock", removed_first)
    assert folder_lock.lock(folder) is not None
    assert folder.is_dir()
