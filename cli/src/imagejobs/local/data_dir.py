"""The data directory: what is kept, where, and who uses it now. Nothing in it is temporary."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagejobs.local.errors import CannotRun

LEAST_FREE_BYTES = 500 * 2**20
"""Below this nothing starts: SeaweedFS stops taking data at 200 MiB, and a batch may bring 256 MiB."""
ENDING_SECONDS = 5.0
"""How long the processes of an earlier run may take to end after their supervisor was killed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the S3 that we start accepts."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths of everything that local mode keeps."""

    path: Path

    @property
    def jobs(self) -> Path:
        """The SQLite file with the jobs."""
        return self.path / "jobs.db"

    @property
    def seaweed(self) -> Path:
        """The folder with the images."""
        return self.path / "seaweed"

    @property
    def logs(self) -> Path:
        """The folder with a log per program."""
        return self.path / "logs"

    @property
    def endpoint(self) -> Path:
        """The file that holds the API's URL while it runs, so that other commands find a port that moved."""
        return self.path / "endpoint"

    @property
    def credentials_file(self) -> Path:
        """The file with the S3 credentials, readable by its owner only."""
        return self.path / "s3-credentials.json"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            CannotRun: They cannot be written, or the disk is full.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.seaweed, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            free = shutil.disk_usage(self.path).free
        except OSError as ex:
            raise CannotRun(
                f"The data directory {self.path} cannot be used: {_reason(ex)}. Name another with --data."
            ) from ex
        if free < LEAST_FREE_BYTES:
            raise CannotRun(
                f"The disk of {self.path} is full: {free // 2**20} MiB are free, {LEAST_FREE_BYTES // 2**20} MiB are needed. "
                "Free some, or name another place with --data."
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Keep every other run off this directory; yield the descriptor, which each child inherits.

        So the lock is free only when the last process of a run has ended, however it ended.

        Raises:
            CannotRun: Another run has it.
        """
        with (self.path / "lock").open("a+") as file:
            give_up = time.monotonic() + ENDING_SECONDS
            while not _locked(file.fileno()):
                file.seek(0)
                owner = file.read().strip()
                if _lives(owner) or time.monotonic() > give_up:
                    raise CannotRun(
                        f"imagejobs already runs on {self.path}"
                        + (f" (process {owner})" if owner else "")
                        + ". Stop it, or name another with --data."
                    )
                time.sleep(0.05)
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            yield file.fileno()

    def credentials(self) -> Credentials:
        """Return the S3 credentials, made at random on the first start."""
        with contextlib.suppress(FileNotFoundError):
            return Credentials(**json.loads(self.credentials_file.read_text()))
        made = {"access_key_id": "ij" + secrets.token_hex(9), "secret_access_key": secrets.token_urlsafe(30)}
        part = self.credentials_file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.credentials_file)
        return Credentials(**made)

    def size_bytes(self) -> int:
        """Return what the directory takes on disk."""
        return sum(each.stat().st_blocks * 512 for each in self.path.rglob("*") if each.is_file())


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _reason(ex: OSError) -> str:
    known = {
        errno.EACCES: "you may not write there",
        errno.EROFS: "it is read-only",
        errno.ENOSPC: "the disk is full",
        errno.EEXIST: "it is a file",
    }
    return known.get(ex.errno or 0, ex.strerror or str(ex))
