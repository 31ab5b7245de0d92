"""Starts the API as its users do, as a program of its own, on a free port."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from imagejobs_contract.runtime.settings import S3Settings
from support.clock import shifted_clock

START_SECONDS = 120


class Api:
    """A running API.

    Attributes:
        url: Where it listens.
        lines: What it has logged so far.
    """

    command = (sys.executable, "-m", "imagejobs_api")

    def __init__(self, environ: dict[str, str]) -> None:
        base = shifted_clock.variables() | {
            "PATH": os.environ["PATH"],
            "LISTEN": "127.0.0.1:0",
            "LOG_LEVEL": "DEBUG",
        }
        self.process = subprocess.Popen(self.command, env=base | environ, stderr=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_SECONDS) or not self.events("ready"):
            self.stop()
            raise RuntimeError(f"the API did not start: {self.lines}")
        self.url = next(line["url"] for line in self.lines if line["event"] == "ready")

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self.url.rsplit(":", 1)[1])

    def memory(self, name: str = "VmRSS") -> int:
        """Return a size of the process in bytes, from /proc."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split(f"{name}:")[1].split()[0])

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of that event."""
        return [line for line in list(self.lines) if line["event"] == event]

    def stop(self) -> int:
        """End it as Kubernetes does, if it has not ended, and return its exit code."""
        self.process.terminate()
        code = self.process.wait(120)
        self._reader.join(5)
        self.process.stderr.close()
        return code

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(_parsed(line))
            if self.lines[-1]["event"] == "ready":
                self._ready.set()
        self._ready.set()


def environ(path: Path, redis_url: str, s3: S3Settings) -> dict[str, str]:
    """Return the variables of an API on these parts."""
    return {
        "JOB_STORE": f"sqlite:{path}",
        "REDIS_URL": redis_url,
        "S3_ENDPOINT": s3.endpoint,
        "S3_BUCKET": s3.bucket,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }


def _parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError:
        return {"event": line}
