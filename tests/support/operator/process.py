"""Runs the operator as a program, and a scripted worker that leases tasks from the real queue."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime.settings import S3Settings
from support.clock import shifted_clock
from support.clock.waiting import SLOW_SECONDS, eventually, until_read

TIED = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""Lets the operator die when pytest is killed."""


class Operator:
    """A running operator and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self) -> list[dict[str, object]]:
        """Return its log lines."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def says(self, event: str) -> bool:
        """Return whether its log holds an event."""
        return any(line["event"] == event for line in self.lines())

    def wait_for(self, event: str) -> None:
        """Return once its log holds an event, such as `ready`."""

        def has_said() -> bool:
            said = self.says(event)
            assert said or self.process.poll() is None, self.log.read_text()
            return said

        eventually(has_said, SLOW_SECONDS, what=f"the operator says {event}", seen=self.log.read_text)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def operator(
    folder: Path, environ: Mapping[str, str], profile: Path | None = None, *, begins_with: str = "ready"
) -> Iterator[Operator]:
    """Run an operator until the end of the block.

    Args:
        folder: Takes its log.
        environ: Its variables.
        profile: File for the profile of cProfile, which is written when the operator stops; None for none.
        begins_with: The event of its log that is waited for.
    """
    log = folder / f"operator-{time.monotonic_ns()}.log"
    profiler = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    # The child needs no variable of ours but PATH.
    with log.open("wb") as out:
        command = [*TIED, sys.executable, *profiler, "-m", "imagejobs_operator"]
        variables = {**shifted_clock.variables(), "PATH": os.environ["PATH"], **environ}
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    running = Operator(process, log)
    try:
        running.wait_for(begins_with)
        yield running
    finally:
        if process.poll() is None:
            running.kill()


def s3_environ(settings: S3Settings) -> dict[str, str]:
    """Return the variables for that bucket."""
    return {
        "S3_ENDPOINT": settings.endpoint,
        "S3_BUCKET": settings.bucket,
        "S3_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
    }


@asynccontextmanager
async def worker(
    redis_url: str, outcome: Callable[[int, int], Outcome], max_tasks: int = 10**6
) -> AsyncIterator[list[int]]:
    """Run a worker that ends each task with `outcome`, at most `max_tasks`; yield the indexes that it did.

    It outlives a Redis that does not answer, as a worker does. Any other error fails the test.
    """
    queue, did, over = RedisTaskQueue(redis_url), list[int](), asyncio.Event()

    async def do_one() -> None:
        lease = await queue.lease("script", 0.2)
        if lease and await queue.ack("script", lease, outcome(lease.task.index, lease.task.attempt)):
            did.append(lease.task.index)

    async def run() -> None:
        while len(did) < max_tasks and not over.is_set():
            with suppress(Unavailable):
                await do_one()

    running = asyncio.create_task(run())
    try:
        yield did
    finally:
        # A cancellation alone may be lost where an answer comes in the same moment (`asyncio.wait_for`
        # before Python 3.12).
        over.set()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await queue.close()


@contextmanager
def worker_thread(redis_url: str, outcome: Callable[[int, int], Outcome]) -> Iterator[None]:
    """Run such a worker in a thread until the end of the block; it counts as alive when the block begins."""
    stop, started = threading.Event(), threading.Event()

    async def run() -> None:
        async with worker(redis_url, outcome):
            queue = RedisTaskQueue(redis_url)
            await until_read(queue.workers, bool)  # it has shown itself
            await queue.close()
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    started.wait(10)
    try:
        yield
    finally:  # one that went on would take the tasks of all later tests
        stop.set()
        thread.join()


def good(index: int, attempt: int) -> Outcome:
    """Let every image succeed."""
    return Outcome(index, "", attempt, bytes_in=10)


def odd_fail(index: int, attempt: int) -> Outcome:
    """Let images with odd numbers fail, in the first attempt."""
    return Outcome(index, "", attempt, Code.CORRUPT_IMAGE if index % 2 and attempt == 1 else None)
