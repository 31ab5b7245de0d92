"""The file of callers while the API runs: changed, replaced, broken, gone."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from imagejobs_api.callers import api_keys
from imagejobs_api.callers.callers_file import POLL_SECONDS, CallersFile
from imagejobs_contract.errors import Invalid
from support.api.process import Api
from support.clock import virtual_time
from support.clock.waiting import eventually

KEY, OTHER = api_keys.new_key(), api_keys.new_key()


def names(*keys: str) -> str:
    return json.dumps(
        {"callers": [{"name": "shop", "keys": [{"sha256": api_keys.digest(key)} for key in keys]}]}
    )


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "callers.json"
    path.write_text(names(KEY))
    return path


def looked(callers: CallersFile, times: int = 2) -> CallersFile:
    for _ in range(times):
        callers.poll()
    return callers


def test_a_changed_file_counts_once_it_stands_still(file):
    callers = CallersFile(file, "jobs")
    file.write_text(names(OTHER))
    callers.poll()
    assert callers.find(KEY)
    assert looked(callers, 1).find(OTHER)
    assert not callers.find(KEY)


@pytest.mark.parametrize(
    "broken", [b"{", b"", b"\xff", b"x" * 2**20 + b"yy"], ids=["cut", "empty", "binary", "huge"]
)
def test_a_broken_file_leaves_the_callers_as_they_are_and_is_told_once(file, broken, caplog):
    callers = CallersFile(file, "jobs")
    file.write_bytes(broken)
    assert looked(callers, 5).find(KEY)
    assert not callers.is_current
    assert len(caplog.records) == 1
    file.write_text(names(OTHER))
    assert looked(callers).find(OTHER)
    assert callers.is_current


def test_a_file_that_is_gone_leaves_the_callers_as_they_are(file):
    callers = CallersFile(file, "jobs")
    file.unlink()
    assert looked(callers).find(KEY)
    assert not callers.is_current
    file.write_text(names(KEY))
    assert looked(callers).is_current


def test_a_fault_that_is_taken_back_is_forgotten(file):
    callers = CallersFile(file, "jobs")
    file.write_text("{")
    looked(callers)
    file.write_text(names(KEY))
    assert looked(callers, 1).is_current


def test_a_file_that_was_never_right_is_refused(file):
    file.write_text("{")
    with pytest.raises(Invalid):
        CallersFile(file, "jobs")


@pytest.fixture
def secret(tmp_path) -> Path:
    """A Secret as a kubelet mounts it: `callers.json -> ..data/callers.json`; `turn` turns `..data`."""
    for folder, key in (("first", KEY), ("second", OTHER)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "callers.json").write_text(names(key))
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "callers.json").symlink_to("..data/callers.json")
    return tmp_path / "callers.json"


def turn(secret: Path) -> None:
    (secret.parent / "..turn").symlink_to("second")
    (secret.parent / "..turn").rename(secret.parent / "..data")


def test_a_turned_secret_counts_after_two_polls(secret, monkeypatch):
    async def call(work: Callable[[], None]) -> None:
        work()

    async def watched() -> list[bool]:
        callers = CallersFile(secret, "jobs")
        watching = asyncio.create_task(callers.watch())
        turn(secret)
        await asyncio.sleep(POLL_SECONDS / 2)
        found = []
        for _ in range(3):
            found.append(callers.find(OTHER) is not None)
            await asyncio.sleep(POLL_SECONDS)
        watching.cancel()
        return found

    monkeypatch.setattr(asyncio, "to_thread", call)  # a thread takes none of the virtual time
    assert virtual_time.run(watched()) == [False, False, True]


def test_a_turned_secret_counts_in_a_running_api(service, secret):
    api = Api(service.environ | {"CALLERS_FILE": str(secret)})
    try:
        assert status(api, KEY) == 200
        assert status(api, OTHER) == 401
        turn(secret)
        eventually(lambda: status(api, OTHER) == 200)
        assert status(api, KEY) == 401
    finally:
        api.stop()


def test_the_api_does_not_start_with_a_broken_file(service, file):
    file.write_text('{"callers": [{"name": "A"}]}')
    with pytest.raises(RuntimeError, match=r"callers\[0\].name.*callers\[0\].keys"):
        Api(service.environ | {"CALLERS_FILE": str(file)})


def status(api: Api, key: str) -> int:
    return httpx2.get(f"{api.url}/api/jobs", headers={"Authorization": f"Bearer {key}"}).status_code
