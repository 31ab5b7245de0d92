"""The folder in memory: there for as long as somebody runs, and gone afterwards, however that ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs.local import handoff_folder

HOLDS = """
import sys, time
from pathlib import Path
from imagejobs.local import handoff_folder

handoff_folder.MEMORY = Path(sys.argv[1])
with handoff_folder.claim(handoff_folder.folder(Path(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def memory(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(handoff_folder, "MEMORY", tmp_path)
    return tmp_path


def run(memory: Path, data: str) -> "subprocess.Popen[str]":
    """Start a run of some data."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(memory), data], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_it_is_gone_when_the_run_ends(memory):
    with handoff_folder.claim(handoff_folder.folder(Path("/a"))):
        (found,) = memory.iterdir()
        assert found.stat().st_mode & 0o777 == 0o700
        (found / "copy").touch()
    assert list(memory.iterdir()) == []


def test_a_start_removes_what_a_killed_run_left_and_not_what_another_uses(memory):
    with run(memory, "/killed") as killed, run(memory, "/running") as running:
        killed.kill()
        killed.wait()
        assert len(list(memory.iterdir())) == 2
        with handoff_folder.claim(handoff_folder.folder(Path("/new"))):
            assert set(memory.iterdir()) == {
                handoff_folder.folder(Path("/running")),
                handoff_folder.folder(Path("/new")),
            }
        running.kill()


def test_what_others_have_in_memory_stays(memory):
    (memory / "imagejobs-999999-0123456789abcdef").mkdir()
    (memory / "postgresql").mkdir()
    with handoff_folder.claim(handoff_folder.folder(Path("/a"))):
        pass
    assert sorted(each.name for each in memory.iterdir()) == [
        "imagejobs-999999-0123456789abcdef",
        "postgresql",
    ]


def test_a_link_in_its_place_is_not_followed(memory):
    elsewhere = memory / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    found = handoff_folder.folder(Path("/a"))
    assert found
    found.symlink_to(elsewhere)
    with handoff_folder.claim(found):
        pass
    assert [each.name for each in elsewhere.iterdir()] == ["precious"]
