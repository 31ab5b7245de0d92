"""Several stacks on one machine: started in the same second they all come up, each on ports of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest

from support.clock import shifted_clock
from support.clock.waiting import eventually
from support.servers import local_stack

STACKS = 8
ROUNDS = int(os.environ.get("ROUNDS", "1"))
START_SECONDS = 240.0
"""For eight starts on two cores that do other work, too; 15 s on a quiet machine."""
STOP_SECONDS = 60.0
URLS = re.compile(r"^  (?:API|S3|Redis) +(\S+)$", re.MULTILINE)
DATA = re.compile(r"^  Data +(\S+)", re.MULTILINE)
WITHOUT_CLAIMS = "from imagejobs.local import ports; ports.PortClaims.claim = lambda *_: True; "
MAIN = "from imagejobs.__main__ import main; main()"


class Starts:
    """Starts of `imagejobs local`, at once."""

    def __init__(self, folder: Path, arguments: Sequence[Sequence[str]], code: str = MAIN) -> None:
        self._outputs = [folder / f"{number}.output" for number in range(len(arguments))]
        self._processes = []
        environ = {**os.environ, "TMPDIR": str(folder)}
        for output, each in zip(self._outputs, arguments, strict=True):
            with output.open("wb") as file:
                command = [sys.executable, "-c", code, "local", "--workers", "1", *each]
                self._processes.append(
                    subprocess.Popen(
                        command, stdout=file, stderr=file, env=environ, cwd=folder, start_new_session=True
                    )
                )

    def said(self) -> list[str]:
        return [output.read_text() for output in self._outputs]

    def wait_until_ready(self) -> list[str]:
        """Wait until all are ready, and return what they said."""

        def are_ready() -> bool:
            ready = all("Ctrl-C stops everything" in text for text in self.said())
            ended = [
                text
                for text, process in zip(self.said(), self._processes, strict=True)
                if process.poll() is not None
            ]
            assert ready or not ended, ended[0]
            return ready

        eventually(are_ready, START_SECONDS, what="all are ready", seen=self.said)
        return self.said()

    def stop(self) -> list[int]:
        """End all in order, and return their exit codes."""
        for each in self._processes:
            each.send_signal(signal.SIGINT)
        return [each.wait(STOP_SECONDS) for each in self._processes]

    def kill(self) -> None:
        """Leave nothing behind: the programs end with their supervisor."""
        for each in self._processes:
            each.kill()
            each.wait()


@pytest.fixture
def starts() -> Iterator[list[Starts]]:
    shifted_clock.skip_beside("SeaweedFS")
    made: list[Starts] = []
    yield made
    for each in made:
        each.kill()


def resized(said: str) -> None:
    """Send an image to a stack, and follow its link."""
    url = URLS.findall(said)[0]
    answer = httpx2.post(
        f"{url}/api/resize",
        files={"image": ("a.jpg", local_stack.photo(64, 48))},
        data={"width": "16"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert httpx2.get(answer.json()["download_url"], timeout=30).content[:2] == b"\xff\xd8"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_eight_that_start_in_the_same_second_all_come_up_on_ports_of_their_own(tmp_path, starts, number):
    # Half with data that stays and default ports, half for test suites.
    arguments = [["--data", str(tmp_path / f"data-{n}")] if n % 2 else ["--ephemeral"] for n in range(STACKS)]
    starts.append(Starts(tmp_path, arguments))
    said = starts[0].wait_until_ready()
    addresses = [url for text in said for url in URLS.findall(text)]
    assert len(set(addresses)) == len(addresses) == STACKS * 3
    assert [text for text in said if "starts again" in text] == []
    for each in said:
        resized(each)
    folders = [Path(DATA.findall(text)[0]) for text in said]
    assert starts[0].stop() == [0] * STACKS
    assert [folder.exists() for folder in folders] == [n % 2 == 1 for n in range(STACKS)]


def test_where_ports_cannot_be_claimed_those_who_lose_one_choose_anew(tmp_path, starts):
    arguments = [["--data", str(tmp_path / f"data-{n}")] for n in range(3)]
    starts.append(Starts(tmp_path, arguments, WITHOUT_CLAIMS + MAIN))
    for each in starts[0].wait_until_ready():
        resized(each)
    assert starts[0].stop() == [0] * len(arguments)


def test_what_a_killed_ephemeral_run_leaves_goes_with_the_next_one(tmp_path, starts):
    starts.append(Starts(tmp_path, [["--ephemeral"]]))
    left = Path(DATA.findall(starts[0].wait_until_ready()[0])[0])
    starts[0].kill()
    assert left.exists()
    starts.append(Starts(tmp_path, [["--ephemeral"]]))
    found = Path(DATA.findall(starts[1].wait_until_ready()[0])[0])
    assert not left.exists()
    assert starts[1].stop() == [0]
    assert not found.exists()
    assert "Jobs and images are gone" in starts[1].said()[0]
