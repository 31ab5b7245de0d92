"""Opens the SQLite file: its durability, its tables and how they came about, its errors.

Knows nothing of jobs.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from imagejobs_contract.errors import Misconfigured, Unavailable

BUSY_SECONDS = 5.0
"""How long a write waits for another process's write."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            uid TEXT NOT NULL UNIQUE,
            revision INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            created TEXT NOT NULL,
            deleted TEXT,
            labels TEXT NOT NULL,
            annotations TEXT NOT NULL,
            finalizers TEXT NOT NULL,
            state TEXT NOT NULL,
            spec TEXT NOT NULL,
            status TEXT NOT NULL,
            UNIQUE (namespace, name)
        ) STRICT
        """,
        "CREATE INDEX jobs_by_state ON jobs (state, id)",
        "CREATE INDEX jobs_by_namespace ON jobs (namespace, id)",
        "CREATE TABLE changes (revision INTEGER PRIMARY KEY AUTOINCREMENT, "
        "namespace TEXT NOT NULL, name TEXT NOT NULL) STRICT",
    ),
)
"""One tuple of statements per version of the file; a released one is never edited, only followed by more.

`jobs.id` grows in order of acceptance, whatever the clock does. `changes` has a row for each write to
`jobs`; its number is the resource version.
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, make it if there is none (readable by its owner only), and bring its tables up to date.

    A commit is on the disk when it returns (WAL with `synchronous=FULL`).

    Raises:
        Unavailable: The disk is full, or another process held the file for too long.
        Misconfigured: The file may not be opened, is no database, or was written by a newer version.
    """
    with sqlite_errors():
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one write: all of it is on the disk afterwards, or, if it raises, none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def sqlite_errors() -> Iterator[None]:
    """Raise SQLite's and the file system's errors as ours."""
    try:
        yield
    except sqlite3.OperationalError as ex:
        raise Unavailable(f"the job database does not work: {ex}", retry_after_seconds=1.0) from ex
    except sqlite3.DatabaseError as ex:
        raise Misconfigured(f"the job database cannot be used: {ex}") from ex
    except OSError as ex:
        raise Misconfigured(f"the job database cannot be opened: {ex}") from ex


def _make_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    # SQLite syncs the folder for its log, not for the file itself.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log.

    SQLite itself does not wait for other processes that do the same at this moment.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    with transaction(connection):
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise Misconfigured(
                f"the job database has version {version}; this program knows {len(MIGRATIONS)}"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
