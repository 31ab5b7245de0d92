"""Runs the operator as a program, and a worker by script that takes tasks from the real queue."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import shifted_clock
from imagejobs_contract.codes import Code
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.settings import S3Settings
from imagejobs_contract.taskqueue import RedisTaskQueue

READY_SECONDS = 60.0
TIED = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""Makes the operator die with a pytest that is killed."""
T = TypeVar("T")


class Operator:
    """A running operator and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self) -> list[dict[str, object]]:
        """Return what it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_until_ready(self) -> None:
        """Return once it does its work."""
        end = time.monotonic() + READY_SECONDS
        while not any(line["event"] == "ready" for line in self.lines()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def operator(folder: Path, environ: Mapping[str, str]) -> Iterator[Operator]:
    """Run an operator until the end of the block."""
    log = folder / f"operator-{time.monotonic_ns()}.log"
    # Logs are opened for the child's whole life; PATH is all it needs of ours.
    with log.open("wb") as out:
        command = [*TIED, sys.executable, "-m", "imagejobs_operator"]
        variables = shifted_clock.variables() | {"PATH": os.environ["PATH"]} | environ
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    running = Operator(process, log)
    try:
        running.wait_until_ready()
        yield running
    finally:
        if process.poll() is None:
            running.kill()


def s3_environ(settings: S3Settings) -> dict[str, str]:
    """Return the variables that lead to that bucket."""
    return {
        "S3_ENDPOINT": settings.endpoint, "S3_BUCKET": settings.bucket, "S3_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key_id, "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
    }  # fmt: skip


@asynccontextmanager
async def worker(redis_url: str, outcome: Callable[[int, int], Outcome], most: int = 10**6) -> AsyncIterator[list[int]]:
    """Run a worker that ends every task as the script says, at most so many; yield the indexes it did."""
    queue, did, over = RedisTaskQueue(redis_url), list[int](), asyncio.Event()

    async def run() -> None:
        while len(did) < most and not over.is_set():
            lease = await queue.take("script", 0.2)
            if lease and await queue.finish("script", lease, outcome(lease.task.index, lease.task.attempt)):
                did.append(lease.task.index)

    running = asyncio.create_task(run())
    try:
        yield did
    finally:
        over.set()  # a cancellation alone may be lost where an answer comes in the same moment (`asyncio.wait_for` before Python 3.12)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await queue.close()


async def until(read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds: float = 60.0) -> T:
    """Return what is read once it holds."""
    end = time.monotonic() + seconds
    while not holds(value := await read()):
        assert time.monotonic() < end, value
        await asyncio.sleep(0.005)
    return value


def good(index: int, attempt: int) -> Outcome:
    """Let every image succeed."""
    return Outcome(index, "", attempt, bytes_in=10)


def odd_fail(index: int, attempt: int) -> Outcome:
    """Let images with odd numbers fail, in the first attempt."""
    return Outcome(index, "", attempt, Code.CORRUPT_IMAGE if index % 2 and attempt == 1 else None)
