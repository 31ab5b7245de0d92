"""Writes of the SQLite store: plain functions on a connection, within a transaction.

They treat an ImageJob as the Kubernetes API does.
"""

import json
import re
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import replace

from imagejobs_contract.errors import AlreadyExists, Conflict, Fault, Invalid, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.attempts import late_commands
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec, immutable_changes
from imagejobs_contract.model.spec_json import DNS_LABEL, spec_body
from imagejobs_contract.model.status import Status
from imagejobs_contract.model.status_json import read_status, status_body
from imagejobs_contract.model.times import format_time, utc_now
from imagejobs_contract.stores.sqlite_reads import select_job

MAX_CHANGE_ROWS = 10_000
"""Rows of `changes` that are kept; a reader that lags by more reads all jobs instead."""
_CHANGES_PER_PRUNING = 1_000


def insert(db: sqlite3.Connection, job: ImageJob) -> ImageJob:
    """Store a new job.

    Raises:
        AlreadyExists: There is one of that name.
        Invalid: It would not be a valid ImageJob.
    """
    check(job)
    fresh = replace(
        job,
        uid=Uid(str(uuid.uuid4())),
        generation=1,
        created=utc_now().replace(microsecond=0),
        deleting=False,
        status=Status(),
    )
    if db.execute("SELECT 1 FROM jobs WHERE namespace = ? AND name = ?", job.key).fetchone():
        raise AlreadyExists(f"there is a job {job.key}")
    revision = _record_change(db, job.key)
    db.execute(
        "INSERT INTO jobs (namespace, name, uid, revision, generation, created, labels, annotations,"
        " finalizers, state, spec, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *job.key, fresh.uid, revision, fresh.generation, format_time(fresh.created or utc_now()),
            _dump(dict(job.labels)), _dump(dict(job.annotations)), _dump(list(job.finalizers)),
            fresh.status.state.value, _dump(spec_body(job.spec)), _dump({}),
        ),
    )  # fmt: skip
    return replace(fresh, resource_version=str(revision))


def update_status(db: sqlite3.Connection, job: ImageJob, status: Status) -> ImageJob:
    """Write the status of the job as it was read; an equal status is not written.

    Raises:
        NotFound: It is gone, or another job has its name.
        Conflict: It changed.
    """
    row = db.execute("SELECT uid, revision FROM jobs WHERE namespace = ? AND name = ?", job.key).fetchone()
    if row is None or row[0] != job.uid:
        raise NotFound(f"there is no job {job.key} with uid {job.uid}")
    if str(row[1]) != job.resource_version:
        raise Conflict(f"the job {job.key} changed since version {job.resource_version}")
    body = status_body(status)
    if body == status_body(job.status):
        return job
    revision = _record_change(db, job.key)
    db.execute(
        "UPDATE jobs SET revision = ?, state = ?, status = ? WHERE uid = ?",
        (revision, status.state.value, _dump(body), job.uid),
    )
    return replace(job, status=read_status(body), resource_version=str(revision))


def update_spec(
    db: sqlite3.Connection,
    key: JobKey,
    change: Callable[[Spec], Spec],
    allow: Callable[[ImageJob], None] | None = None,
) -> ImageJob:
    """Change the spec; an equal spec is not written. What `allow` raises ends it.

    Raises:
        NotFound: There is no such job.
        Invalid: The change touches an immutable field, or commands a job that has ended, or its result is not
            a valid ImageJob.
    """
    job = select_job(db, key)
    if allow:
        allow(job)
    changed = replace(job, spec=change(job.spec))
    if changed.spec == job.spec:
        return job
    if faults := [*immutable_changes(job.spec, changed.spec), *late_commands(job, changed.spec)]:
        raise Invalid(faults)
    check(changed)
    revision = _record_change(db, key)
    values = (revision, job.generation + 1, _dump(spec_body(changed.spec)), job.uid)
    db.execute("UPDATE jobs SET revision = ?, generation = ?, spec = ? WHERE uid = ?", values)
    return replace(changed, generation=job.generation + 1, resource_version=str(revision))


def delete(db: sqlite3.Connection, key: JobKey, uid: Uid | None) -> int | None:
    """Delete the job, or mark it as deleted while it has finalizers.

    Nothing happens if there is none (of that uid).

    Returns:
        The revision of the change, if there was one.
    """
    row = db.execute(
        "SELECT uid, finalizers, deleted FROM jobs WHERE namespace = ? AND name = ?", key
    ).fetchone()
    if row is None or uid not in (None, row[0]):
        return None
    if not json.loads(row[1]):
        db.execute("DELETE FROM jobs WHERE uid = ?", (row[0],))
        return _record_change(db, key)
    if row[2] is not None:
        return None
    revision = _record_change(db, key)
    db.execute(
        "UPDATE jobs SET revision = ?, deleted = ?, generation = generation + 1 WHERE uid = ?",
        (revision, format_time(utc_now()), row[0]),
    )
    return revision


def add_finalizer(db: sqlite3.Connection, job: ImageJob, finalizer: str) -> int | None:
    """Let the job's deletion wait for a finalizer, unless it is being deleted.

    Returns:
        The revision of the change, if there was one.
    """
    row = db.execute(
        "SELECT finalizers FROM jobs WHERE namespace = ? AND name = ? AND uid = ? AND deleted IS NULL",
        (*job.key, job.uid),
    ).fetchone()
    if row is None or finalizer in json.loads(row[0]):
        return None
    revision = _record_change(db, job.key)
    db.execute(
        "UPDATE jobs SET revision = ?, finalizers = ? WHERE uid = ?",
        (revision, _dump([*json.loads(row[0]), finalizer]), job.uid),
    )
    return revision


def remove_finalizer(db: sqlite3.Connection, job: ImageJob, finalizer: str) -> int | None:
    """Remove a finalizer; a job that is being deleted is removed with its last one.

    Returns:
        The revision of the change, if there was one.
    """
    row = db.execute(
        "SELECT finalizers, deleted FROM jobs WHERE namespace = ? AND name = ? AND uid = ?",
        (*job.key, job.uid),
    ).fetchone()
    before: list[str] = json.loads(row[0]) if row else []
    if finalizer not in before:
        return None
    after = [each for each in before if each != finalizer]
    revision = _record_change(db, job.key)
    if row[1] is not None and not after:
        db.execute("DELETE FROM jobs WHERE uid = ?", (job.uid,))
    else:
        db.execute(
            "UPDATE jobs SET revision = ?, finalizers = ? WHERE uid = ?", (revision, _dump(after), job.uid)
        )
    return revision


def check(job: ImageJob) -> None:
    """Refuse a job that the CRD would refuse, because it could not be read again.

    Raises:
        Invalid: With every fault.
    """
    faults = []
    if not re.fullmatch(names.NAME_PATTERN, job.key.name, re.ASCII):
        faults.append(
            Fault("metadata.name", f"must be a DNS label of at most {names.MAX_NAME_LENGTH} characters")
        )
    if not re.fullmatch(DNS_LABEL, job.key.namespace, re.ASCII):
        faults.append(Fault("metadata.namespace", "must be a DNS label"))
    try:
        ImageJob.from_body(job.to_body())
    except Invalid as ex:
        faults.extend(ex.faults)
    if faults:
        raise Invalid(faults)


def _record_change(db: sqlite3.Connection, key: JobKey) -> int:
    revision = db.execute("INSERT INTO changes (namespace, name) VALUES (?, ?)", key).lastrowid or 0
    if revision % _CHANGES_PER_PRUNING == 0:
        db.execute("DELETE FROM changes WHERE revision <= ?", (revision - MAX_CHANGE_ROWS,))
    return revision


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
