"""Starts real workers, and makes their tasks and pictures."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.wire.tasks import Task
from support.clock import shifted_clock
from support.clock.waiting import eventually

WAIT_SECONDS = 60.0
ASKED_TO_STOP = "asked to stop"
"""What a worker logs when it hears a signal."""
JOB = JobKey("default", "holiday")
UID = "0b0e7c3a-uid"
TIED = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""Makes workers die with a pytest that is killed."""
SMALL = (Variant(width=16, format=Format.JPEG),)


@dataclass(slots=True)
class Worker:
    """A running worker and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def events(self) -> list[dict[str, object]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for_event(self, event: str, count: int = 1) -> None:
        """Wait until it logged an event so often."""

        def is_logged() -> bool:
            found = sum(line["event"] == event for line in self.events()) >= count
            assert found or self.process.poll() is None, self.log.read_text()
            return found

        eventually(is_logged, WAIT_SECONDS, what=event, seen=self.log.read_text)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; return once a SIGTERM was heard, because two that wait at once become one."""
        asked = sum(line["event"] == ASKED_TO_STOP for line in self.events())
        self.process.send_signal(number)
        if number is signal.SIGTERM:
            self.wait_for_event(ASKED_TO_STOP, asked + 1)

    def kill(self) -> None:
        """End it as power cuts do."""
        self.process.kill()
        self.process.wait()

    def exit_code(self) -> int:
        """Wait for its end."""
        try:
            return self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.log.read_text()}") from None


class Workers:
    """Starts workers with common settings and ends those that still run."""

    def __init__(self, folder: Path, redis_url: str, s3: S3Settings) -> None:
        self._folder = folder
        self._environ = shifted_clock.variables() | {
            "PATH": os.environ["PATH"],
            "REDIS_URL": redis_url,
            "S3_ENDPOINT": s3.endpoint,
            "S3_BUCKET": s3.bucket,
            "AWS_ACCESS_KEY_ID": s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
            "ALLOWED_PRIVATE_SOURCES": "127.0.0.1/32",
            "LEASE_SECONDS": "1",
            "GRACE_SECONDS": "5",
        }
        self._started: list[Worker] = []

    def pool(self, **environ: str) -> Worker:
        """Start a pool worker and return once it takes work."""
        worker = self._start("pool", environ)
        worker.wait_for_event("ready")
        return worker

    def shard(self, index: int = 0, attempt: int = 1, **environ: str) -> Worker:
        """Start a shard's pod."""
        own = {
            "IMAGEJOB_NAME": JOB.name,
            "IMAGEJOB_UID": UID,
            "IMAGEJOB_ATTEMPT": str(attempt),
            "JOB_COMPLETION_INDEX": str(index),
        }
        return self._start("shard", own | environ)

    def stop_all(self) -> None:
        """Kill all workers that still run."""
        for worker in self._started:
            worker.process.kill()
            worker.process.wait()

    def _start(self, mode: str, environ: Mapping[str, str]) -> Worker:
        path = self._folder / f"worker-{len(self._started)}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [*TIED, sys.executable, "-m", "imagejobs_worker", mode],
                env=self._environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._started.append(Worker(process, path))
        return self._started[-1]


def picture(width: int = 64, height: int = 48, colour: str = "red") -> bytes:
    """Return a small JPEG."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG")
    return file.getvalue()


def task(index: int = 0, *, key: str | None = None, url: str | None = None, **fields: object) -> Task:
    """Return a task for a thumbnail of 16 px."""
    return Task(JOB, UID, index, Item(f"photo-{index}.jpg", key, url), SMALL, "outputs/holiday", **fields)  # type: ignore[arg-type]


class FixedOwnership:
    """Implements `store.Ownership` with fixed answers."""

    def __init__(self, *, may_create: bool = True, verified: bool = True) -> None:
        self._may_create, self._verified = may_create, verified

    async def may_create(self) -> bool:
        return self._may_create

    async def verify_ownership(self) -> bool:
        return self._verified


OURS = FixedOwnership()
