import os
import shutil
import subprocess
import sys

import pytest

from imagejobs.local import programs
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import CannotRun

HOLD = """
import sys, time
from pathlib import Path
from imagejobs.local.data_dir import DataDirectory
with DataDirectory(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def data(tmp_path):
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    return directory


def test_only_the_owner_can_read_the_data(data):
    assert data.path.stat().st_mode & 0o077 == 0


def test_what_an_earlier_version_left_open_is_closed_and_the_persons_files_stay_as_they_are(data):
    ours = [data.jobs, data.logs / "api.log", data.seaweed / "1.dat", data.path / "lock"]
    theirs = data.path / "notes.txt"
    for each in [*ours, theirs]:
        each.write_text("")
        each.chmod(0o644)
    data.logs.chmod(0o755)
    data.prepare()
    assert [each.stat().st_mode & 0o777 for each in ours] == [0o600] * 4
    assert data.logs.stat().st_mode & 0o777 == 0o700
    assert theirs.stat().st_mode & 0o777 == 0o644


def test_the_credentials_are_made_once_and_are_private(data):
    first = data.credentials()
    assert data.credentials() == first
    assert data.credentials_file.stat().st_mode & 0o077 == 0
    assert len(first.secret_access_key) >= 40


def test_two_directories_have_different_credentials(data, tmp_path):
    other = DataDirectory(tmp_path / "other")
    other.prepare()
    assert other.credentials() != data.credentials()


def test_the_secret_of_watch_links_is_made_once_is_private_and_goes_to_the_api_alone(data):
    secret = data.watch_secret()
    assert data.watch_secret() == secret
    assert len(secret) >= 43
    assert data.watch_secret_file.stat().st_mode & 0o077 == 0
    assert programs.api(data, {}, "127.0.0.1", 80).environ["WATCH_SECRETS"] == secret
    assert programs.api(data, {"WATCH_SECRETS": "mine"}, "127.0.0.1", 80).environ["WATCH_SECRETS"] == "mine"
    others = (programs.operator(data, {}, 1), programs.worker(data, {}, 1, 1))
    assert not any("WATCH_SECRETS" in each.environ for each in others)


def test_credentials_that_were_half_written_are_made_again(data):
    data.credentials_file.with_suffix(".part").write_text('{"access')
    assert data.credentials() == data.credentials()


def test_a_second_run_on_the_same_data_is_refused_and_the_first_is_named(data):
    with subprocess.Popen([sys.executable, "-c", HOLD, data.path], stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"locked\n"
        with pytest.raises(CannotRun, match=f"already runs.*process {first.pid}"), data.lock():
            pass
        first.kill()


def test_the_lock_of_a_killed_run_is_free_again(data):
    with subprocess.Popen([sys.executable, "-c", HOLD, data.path], stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"locked\n"
        first.kill()
    with data.lock():
        assert (data.path / "lock").read_text() == str(os.getpid())


def test_a_full_disk_is_reported_in_a_sentence(data, monkeypatch):
    usage = shutil.disk_usage(data.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 * 2**20))
    with pytest.raises(CannotRun, match="full: 10 MiB are free, 500 MiB are needed"):
        data.prepare()


def test_a_file_in_the_place_of_the_directory_is_reported_in_a_sentence(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(CannotRun, match="it is a file"):
        DataDirectory(tmp_path / "data").prepare()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_is_reported_in_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CannotRun, match="you may not write there"):
        DataDirectory(tmp_path / "data").prepare()
