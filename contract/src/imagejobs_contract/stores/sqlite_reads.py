"""Reads of the SQLite store: plain functions on a connection, and the parsing of a row."""

import json
import re
import sqlite3
from collections.abc import Callable
from typing import Any

from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobEvent, Page
from imagejobs_contract.stores.spec_cache import SpecCache

_COLUMNS = (
    "id, namespace, name, uid, revision, generation, created, deleted, "
    "labels, annotations, finalizers, spec, status"
)
_IS_OF_CALLER = f"json_extract(labels, '$.\"{names.LABEL_CALLER}\"') = ?"


def select_job(
    db: sqlite3.Connection, key: JobKey, specs: SpecCache | None = None, caller: CallerName | None = None
) -> ImageJob:
    """Return the job.

    Args:
        db: The file.
        key: Its namespace and name.
        specs: Specs that were read already.
        caller: Only a job of this caller is read.

    Raises:
        NotFound: There is none.
        Invalid: It is there, but cannot be read.
    """
    # The columns of labels lie before those of spec: of another caller's job no more is read than that.
    row = db.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE namespace = ? AND name = ?"  # noqa: S608
        + (f" AND {_IS_OF_CALLER}" if caller else ""),
        (*key, *([caller] if caller else ())),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no job {key}")
    return _read_row(row, specs)


def read_event(db: sqlite3.Connection, key: JobKey, specs: SpecCache | None = None) -> JobEvent:
    """Return the event of a job: the job, or None if it is gone or cannot be read."""
    try:
        return JobEvent(key, select_job(db, key, specs))
    except (NotFound, Invalid):
        return JobEvent(key, None)


def select_page(
    db: sqlite3.Connection,
    namespace: str | None,
    state: State | None,
    limit: int,
    cursor: str,
    caller: CallerName | None,
) -> Page:
    """Return jobs, newest first; the cursor is the row of the last one."""
    if not re.fullmatch("[0-9]{0,18}", cursor, re.ASCII):
        raise Invalid([Fault("cursor", "is not one of ours")])
    conditions = {
        "namespace = ?": namespace,
        "state = ?": state and state.value,
        "id < ?": int(cursor) if cursor else None,
        _IS_OF_CALLER: caller,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM jobs {where} ORDER BY id DESC LIMIT ?",  # noqa: S608
        (*given.values(), limit + 1),
    ).fetchall()
    more = len(rows) > limit
    return Page(
        tuple(filter(None, map(_read_row_if_valid, rows[:limit]))), str(rows[limit - 1][0]) if more else ""
    )


def select_keys(db: sqlite3.Connection) -> list[JobKey]:
    """Return the keys of all jobs, readable or not."""
    return [JobKey(*row) for row in db.execute("SELECT namespace, name FROM jobs ORDER BY id")]


def last_revision(db: sqlite3.Connection) -> int:
    """Return the number of the newest change, 0 if there was none."""
    return int(db.execute("SELECT coalesce(max(revision), 0) FROM changes").fetchone()[0])


def changed_since(
    db: sqlite3.Connection, revision: int, known: Callable[[int], bool]
) -> tuple[int, list[JobKey]]:
    """Return the newest change, and the keys that were written after a change, each once, in order.

    All keys are returned if some of those changes are no longer recorded.

    Args:
        db: The file.
        revision: The change.
        known: Returns whether a change is to be left out.
    """
    rows = db.execute(
        "SELECT revision, namespace, name FROM changes WHERE revision > ? ORDER BY revision DESC", (revision,)
    ).fetchall()
    if not rows:
        return revision, []
    if rows[-1][0] > revision + 1:  # numbers have no gaps, and the oldest go first
        return rows[0][0], select_keys(db)
    newest_first = dict.fromkeys(JobKey(*key) for number, *key in rows if not known(number))
    return rows[0][0], list(reversed(newest_first))


def _read_row_if_valid(row: tuple[Any, ...]) -> ImageJob | None:
    try:
        return _read_row(row)
    except Invalid:
        return None


def _read_row(row: tuple[Any, ...], specs: SpecCache | None = None) -> ImageJob:
    (
        _,
        namespace,
        name,
        uid,
        revision,
        generation,
        created,
        deleted,
        labels,
        annotations,
        finalizers,
        spec,
        status,
    ) = row
    meta = {
        "namespace": namespace,
        "name": name,
        "uid": uid,
        "resourceVersion": str(revision),
        "generation": generation,
        "creationTimestamp": created,
        "deletionTimestamp": deleted,
        "labels": json.loads(labels),
        "annotations": json.loads(annotations),
        "finalizers": json.loads(finalizers),
    }
    body = {"metadata": meta, "status": json.loads(status)}
    return (specs or SpecCache()).read_job(body, lambda: json.loads(spec))
