"""The data directory: its files, its lock, and the S3 credentials in it. Nothing in it is temporary."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagejobs.local.errors import CannotRun

MIN_FREE_BYTES = 500 * 2**20
"""Below this nothing starts: SeaweedFS stops taking data at 200 MiB, and a batch may bring 256 MiB."""
LOCK_WAIT_SECONDS = 5.0
"""How long to wait for the lock: processes of an earlier run need a moment to end after their supervisor was
killed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys that the S3 that we start accepts."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths of all files that local mode keeps."""

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
    def secrets(self) -> Path:
        """The folder with the secrets of the run, which the next start makes anew."""
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        """The folder with one log per program."""
        return self.path / "logs"

    @property
    def endpoint(self) -> Path:
        """The file that holds the API's URL while it runs, so that other programs find a port that moved."""
        return self.path / "endpoint"

    @property
    def credentials_file(self) -> Path:
        """The file with the S3 credentials, readable by its owner only."""
        return self.path / "s3-credentials.json"

    @property
    def watch_secret_file(self) -> Path:
        """The file with the secret that signs watch links, readable by its owner only."""
        return self.path / "watch-secret"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            CannotRun: They cannot be written, or the disk is full.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.seaweed, self.logs, self.secrets):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._close_to_others()
            free = shutil.disk_usage(self.path).free
        except OSError as ex:
            raise CannotRun(
                f"The data directory {self.path} cannot be used: {_explain(ex)}. Name another with --data."
            ) from ex
        if free < MIN_FREE_BYTES:
            raise CannotRun(
                f"The disk of {self.path} is full: {free // 2**20} MiB are free, "
                f"{MIN_FREE_BYTES // 2**20} MiB are needed. Free some, or name another place with --data."
            )

    def _close_to_others(self) -> None:
        """Take all rights of other users from files of ours that an earlier version left open to them.

        The directory itself may be the person's, with other files in it: it and they keep their rights.
        """
        folders = [self.seaweed, self.logs, self.secrets]
        files = [each for folder in folders for each in folder.rglob("*")]
        for each in [*folders, *files, *self.path.glob(f"{self.jobs.name}*"), self.path / "lock"]:
            with contextlib.suppress(FileNotFoundError):
                mode = each.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    each.chmod(stat.S_IMODE(mode) & 0o700)

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Lock the directory against other runs; yield the descriptor, which each program inherits.

        So the lock is free only when the last process of a run has ended, however it ended.

        Raises:
            CannotRun: Another run holds it.
        """
        with (self.path / "lock").open("a+") as file:
            deadline = time.monotonic() + LOCK_WAIT_SECONDS
            while not _try_lock(file.fileno()):
                file.seek(0)
                owner = file.read().strip()
                if _is_running(owner) or time.monotonic() > deadline:
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
        """Return the S3 credentials; the first call makes them at random and syncs them to disk."""
        with contextlib.suppress(FileNotFoundError):
            return Credentials(**json.loads(self.credentials_file.read_text()))
        made = {"access_key_id": "ij" + secrets.token_hex(9), "secret_access_key": secrets.token_urlsafe(30)}
        _write_private(self.credentials_file, json.dumps(made))
        return Credentials(**made)

    def watch_secret(self) -> str:
        """Return the secret that signs watch links, which outlive a start; the first call makes it."""
        with contextlib.suppress(FileNotFoundError):
            return self.watch_secret_file.read_text()
        made = secrets.token_urlsafe(32)
        _write_private(self.watch_secret_file, made)
        return made

    def size_bytes(self) -> int:
        """Return the bytes that the directory takes on disk."""
        return sum(each.stat().st_blocks * 512 for each in self.path.rglob("*") if each.is_file())


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads: all of it is there, or nothing, whenever the machine stops."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _explain(ex: OSError) -> str:
    known = {
        errno.EACCES: "you may not write there",
        errno.EROFS: "it is read-only",
        errno.ENOSPC: "the disk is full",
        errno.EEXIST: "it is a file",
    }
    return known.get(ex.errno or 0, ex.strerror or str(ex))
