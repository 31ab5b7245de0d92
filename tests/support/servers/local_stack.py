"""`imagejobs local` as a user starts it, on free ports and a folder of its own, and a client of it."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
from obstore.store import S3Store
from PIL import Image

from imagejobs.local import handoff_folder
from imagejobs.local.data_dir import DataDirectory
from support.api.client import ApiClient
from support.clock import shifted_clock
from support.clock.waiting import happens
from support.servers import data_servers

START_SECONDS = 90.0
"""For a machine that does many things at once; 4 s on a quiet one."""
STOP_SECONDS = 30.0


class EndedEarly(Exception):
    """Raised when the program ended before it was ready; holds what it said."""


class LocalStack:
    """One run after another on the same data."""

    def __init__(self, data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.output = data.with_name(data.name + ".output")
        self._arguments = (
            "--data",
            str(data),
            "--port",
            str(data_servers.free_ports(["api"])["api"]),
            *arguments,
        )
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """The API's URL."""
        return (self.data / "endpoint").read_text().strip()

    def start(self) -> "LocalStack":
        """Start, and return once it is ready.

        Raises:
            Ended: It ended before.
        """
        if "S3_ENDPOINT" not in self._environ:
            shifted_clock.skip_beside("SeaweedFS")
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "imagejobs", "local", *self._arguments]
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, env=self._environ, start_new_session=True
            )
        (self.data / "endpoint").unlink(missing_ok=True)
        if not happens(lambda: self._is_up() or self._has_ended(), START_SECONDS):
            self.kill()
            raise TimeoutError(self.terminal_output())
        if not self._is_up():
            raise EndedEarly(self.terminal_output())
        return self

    def _is_up(self) -> bool:
        return "Ctrl-C stops everything" in self.terminal_output()

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and return the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill -9 every process at once."""
        for pid in [self.pid, *descendants(self.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def kill_supervisor(self) -> None:
        """Kill -9 the supervisor only."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminal_output(self) -> str:
        """Return what it wrote to the terminal."""
        return self.output.read_text(errors="replace")

    def is_ready(self) -> bool:
        """Return whether it can take jobs now."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def fact(self, name: str) -> str:
        """Return a line of the screen, such as `Redis`."""
        return next(
            line.split()[1] for line in self.terminal_output().splitlines() if line.split()[:1] == [name]
        )

    @property
    def redis_url(self) -> str:
        """The URL of its Redis with the password, which the screen does not show."""
        password = (self.data / "secrets" / "valkey.conf").read_text().split()[1]
        return self.fact("Redis").replace("://", f"://:{password}@")

    def part(self, name: str) -> int:
        """Return the process of a part, by a word of its command line."""
        if name == "weed":
            shifted_clock.skip_beside("SeaweedFS")
        return next(pid for pid in children(self.pid) if name in command_line(pid))


@contextlib.contextmanager
def running(data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[LocalStack]:
    """Start a stack and leave nothing of it behind."""
    with _storage(data) as storage:
        stack = LocalStack(data, *arguments, environ=storage | dict(environ or {}))
        yield from _running(stack)


def _running(stack: LocalStack) -> Iterator[LocalStack]:
    try:
        yield stack.start()
    finally:
        with contextlib.suppress(ProcessLookupError):
            stack.kill()
        handoff_folder.remove(handoff_folder.folder(stack.data))


@contextlib.contextmanager
def _storage(data: Path) -> Iterator[dict[str, str]]:
    """Yield the variables of an S3 that takes a shifted clock's signatures; none if the stack's own does."""
    if not shifted_clock.ON:
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder:
        server = data_servers.start_seaweed(Path(folder), data_servers.find_weed() or Path("weed"))
        try:
            httpx2.put(f"{server.url('s3')}/imagejobs").raise_for_status()
            folders = DataDirectory(data)
            folders.prepare()
            keys = folders.credentials()
            yield {
                "S3_ENDPOINT": server.url("s3"),
                "AWS_ACCESS_KEY_ID": keys.access_key_id,
                "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            }
        finally:
            server.stop()


@contextlib.contextmanager
def client(stack: LocalStack) -> Iterator[ApiClient]:
    """Open a client of a running stack."""
    with httpx2.Client(base_url=stack.url, timeout=60) as http:
        yield ApiClient(http)


def download(client: ApiClient, identifier: str) -> Image.Image:
    """Return the picture that a result's link leads to."""
    redirect = client.download(identifier)
    assert redirect.status_code == 307, redirect.text
    answer = httpx2.get(redirect.headers["Location"], timeout=60)
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    return picture


def bucket(stack: LocalStack) -> S3Store:
    """Return the bucket of a running stack."""
    keys = json.loads((stack.data / "s3-credentials.json").read_text())
    return S3Store(
        "imagejobs",
        endpoint=stack.fact("S3"),
        region="us-east-1",
        client_options={"allow_http": True},
        **keys,
    )


def photo(width: int = 1200, height: int = 900, seed: int = 0, quality: int = 85) -> bytes:
    """Return a JPEG with enough detail to take some work; every seed another one."""
    small = Image.effect_noise((width // 8, height // 8), 60 + seed % 40).resize((width, height))
    tint = Image.new("L", (width, height), 40 + seed * 7 % 160)
    data = io.BytesIO()
    Image.merge("RGB", (small, tint, small.transpose(Image.Transpose.ROTATE_180))).save(
        data, "JPEG", quality=quality
    )
    return data.getvalue()


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            state, parent = (each / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(each.name))
    return found


def descendants(pid: int) -> list[int]:
    """Return all that a process started, and what those started."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def command_line(pid: int) -> str:
    """Return how a process was started."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def alive(pids: list[int]) -> list[str]:
    """Return which of the processes still run, for people."""
    return [f"{pid}: {command_line(pid)}" for pid in pids if command_line(pid)]
