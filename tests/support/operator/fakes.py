"""The ports of the operator in memory, for tests that need thousands of runs.

`tests/operator/test_fakes.py` runs them and the real adapters through the same cases. `Faults` may stop the
process before or after any change, or let a call fail.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from imagejobs_contract.errors import AlreadyExists, Conflict, NotFound, TooLarge, Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, S3Key
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Status
from imagejobs_contract.model.status_json import read_status, status_body
from imagejobs_contract.ports import Change, QueueFacts
from imagejobs_contract.storage import ListedObject, ObjectFacts
from imagejobs_contract.wire.tasks import Task
from imagejobs_operator.decide.actions import Emit
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Presence


class Killed(BaseException):
    """Raised in place of kill -9: no code of the operator runs after it."""


@dataclass
class Faults:
    """The faults of one run. `kill_before` and `kill_after` count changes; None means never."""

    kill_before: int | None = None
    kill_after: int | None = None
    away: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)

    def check(self, system: str) -> None:
        if system in self.away:
            raise Unavailable(f"{system} is away")

    def before(self, system: str, what: str) -> None:
        self.check(system)
        if self.kill_before is not None and len(self.changes) == self.kill_before:
            raise Killed
        self.changes.append(what)

    def after(self) -> None:
        if self.kill_after is not None and len(self.changes) == self.kill_after:
            raise Killed


class Store:
    """Jobs with resource versions, generations and finalizers."""

    def __init__(self, faults: Faults, now: Any) -> None:
        self.faults = faults
        self.now = now
        self.jobs: dict[JobKey, ImageJob] = {}
        self.versions: dict[JobKey, list[ImageJob]] = {}
        self.stale: dict[JobKey, int] = {}
        self.writes: list[str] = []
        self.made = 0

    def _keep(self, job: ImageJob) -> ImageJob:
        self.made += 1
        job = replace(job, resource_version=str(self.made))
        self.jobs[job.key] = job
        self.versions.setdefault(job.key, []).append(job)
        return job

    async def create(self, job: ImageJob) -> ImageJob:
        if job.key in self.jobs:
            raise AlreadyExists
        self.writes.append("create")
        self.versions[job.key] = []
        return self._keep(
            replace(
                job, uid=f"uid-{self.made}-{job.key.name}", generation=1, created=self.now(), status=Status()
            )
        )

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        self.faults.check("store")
        if key not in self.jobs or caller not in (None, self.jobs[key].caller):
            raise NotFound
        back = self.stale.pop(key, 0)
        return self.versions[key][-1 - min(back, len(self.versions[key]) - 1)]

    async def keys(self, namespace: str | None = None) -> Sequence[JobKey]:
        self.faults.check("store")
        return [key for key in self.jobs if namespace in (None, key.namespace)]

    async def count(self, namespace: str | None = None) -> int:
        return len(await self.keys(namespace))

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        self.faults.before("store", "status")
        there = self.jobs.get(job.key)
        if there is None or there.uid != job.uid:
            raise NotFound
        if there.resource_version != job.resource_version:
            raise Conflict
        if status_body(status) == status_body(there.status):
            return there
        self.writes.append(f"status {status.state}")
        # As the API server keeps it: whole seconds, only known fields.
        kept = self._keep(replace(there, status=read_status(status_body(status))))
        self.faults.after()
        return kept

    def edit(self, key: JobKey, **changes: Any) -> None:
        """Change the spec, as a user does."""
        job = self.jobs[key]
        self._keep(replace(job, spec=replace(job.spec, **changes), generation=job.generation + 1))

    async def delete(self, key: JobKey, uid: str | None = None) -> None:
        self.faults.before("store", "delete")
        self.user_delete(key, uid)
        self.faults.after()

    def user_delete(self, key: JobKey, uid: str | None = None) -> None:
        job = self.jobs.get(key)
        if job is None or (uid is not None and job.uid != uid):
            return
        self.writes.append("delete")
        if job.finalizers:
            self._keep(replace(job, deleting=True))
        else:
            del self.jobs[key]

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        self.faults.before("store", "finalizer")
        there = self.jobs.get(job.key)
        if there and there.uid == job.uid and not there.deleting and finalizer not in there.finalizers:
            self.writes.append("finalizer")
            self._keep(replace(there, finalizers=(*there.finalizers, finalizer)))
        self.faults.after()

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        self.faults.before("store", "finalizer")
        there = self.jobs.get(job.key)
        if there and there.uid == job.uid and finalizer in there.finalizers:
            self.writes.append("finalizer")
            left = tuple(each for each in there.finalizers if each != finalizer)
            if there.deleting and not left:
                del self.jobs[job.key]
            else:
                self._keep(replace(there, finalizers=left))
        self.faults.after()


class Board:
    """Live progress, which `flush` loses."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.items: dict[str, dict[int, Outcome]] = {}
        self.shards: dict[str, dict[int, Counts]] = {}
        self.totals: dict[str, int] = {}
        self.announced: list[Change] = []

    def flush(self) -> None:
        for each in (self.items, self.shards, self.totals):
            each.clear()

    async def counts(self, uid: str) -> Counts | None:
        self.faults.check("redis")
        each = list(self.shards.get(uid, {}).values())
        if not each:
            return None
        active, succeeded = sum(c.active for c in each), sum(c.succeeded for c in each)
        return Counts(self.totals.get(uid, 0), active, succeeded, sum(c.failed for c in each))

    async def all_counts(self, uids: Sequence[str]) -> Sequence[Counts | None]:
        return [await self.counts(uid) for uid in uids]

    async def put_shard(
        self, key: JobKey, uid: str, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        self.faults.before("redis", "counts")
        self.totals.setdefault(uid, counts.total)
        self.shards.setdefault(uid, {})[shard] = counts
        self.items.setdefault(uid, {}).update({each.index: each for each in outcomes})

    async def outcomes(self, uid: str) -> Mapping[int, Outcome]:
        self.faults.check("redis")
        return dict(self.items.get(uid, {}))

    async def forget(self, uid: str) -> None:
        self.faults.before("redis", "forget")
        for each in (self.items, self.shards, self.totals):
            each.pop(uid, None)

    async def announce(self, change: Change) -> None:
        self.faults.before("redis", "announce")
        self.announced.append(change)


class Queue:
    """Tasks by entry; a lease is fenced by its entry.

    Attributes:
        last_cancel: When tasks were last cancelled, by a clock that does not go back; workers may have had
            them.
    """

    def __init__(self, faults: Faults, board: Board, elapsed_seconds: Callable[[], float]) -> None:
        self.faults = faults
        self.elapsed_seconds = elapsed_seconds
        self.last_cancel: float | None = None
        self.board = board
        self.tasks: dict[int, Task] = {}
        self.alive = 1
        self.count = 0

    def flush(self) -> None:
        self.tasks.clear()

    async def send(self, tasks: Sequence[Task]) -> None:
        self.faults.before("redis", "send")
        for task in tasks:
            known = self.board.items.get(task.uid, {}).get(task.index)
            has_ended = known is not None and known.attempt >= task.attempt
            waits = any(each.uid == task.uid and each.index == task.index for each in self.tasks.values())
            if not waits and not has_ended:
                self.count += 1
                self.tasks[self.count] = Task.from_json(task.to_json())
        self.faults.after()

    async def waiting(self, uid: str) -> frozenset[int]:
        self.faults.check("redis")
        return frozenset(task.index for task in self.tasks.values() if task.uid == uid)

    async def find_changed(self, known: Sequence[QueueFacts]) -> list[JobKey]:
        self.faults.check("redis")
        return [
            each.key
            for each in known
            if (each.waiting, each.outcomes)
            != (
                sum(task.uid == each.uid for task in self.tasks.values()),
                len(self.board.items.get(each.uid, {})),
            )
        ]

    async def cancel(self, uid: str) -> None:
        self.faults.before("redis", "withdraw")
        if any(task.uid == uid for task in self.tasks.values()):
            self.last_cancel = self.elapsed_seconds()
        self.tasks = {entry: task for entry, task in self.tasks.items() if task.uid != uid}
        self.faults.after()

    async def workers(self) -> int:
        self.faults.check("redis")
        return self.alive

    def ack(self, entry: int, outcome: Outcome) -> bool:
        """Do what a worker's script does; False if the lease is lost."""
        task = self.tasks.pop(entry, None)
        if task is None:
            return False
        self.board.items.setdefault(task.uid, {})[task.index] = outcome
        return True


class Objects:
    """S3 with ETags."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.data: dict[str, bytes] = {}
        self.metadata: dict[str, Mapping[str, str]] = {}
        self.versions: dict[str, int] = {}

    def _etag(self, key: str) -> str:
        return str(self.versions.get(key, 0)) if key in self.data else ""

    async def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        only_if: str | None = None,
        **_: Any,
    ) -> str:
        self.faults.before("s3", f"put {key.rsplit('/', 1)[-1]}")
        if only_if is not None and only_if != self._etag(key):
            raise Conflict
        self.keep(key, data, **(metadata or {}))
        self.faults.after()
        return self._etag(key)

    def keep(self, key: str, data: bytes, **metadata: str) -> None:
        """Store an object as another program does."""
        self.data[key] = data
        self.metadata[key] = metadata
        self.versions[key] = self.versions.get(key, 0) + 1

    async def get(self, key: str, max_bytes: int) -> tuple[bytes, str]:
        self.faults.check("s3")
        if key not in self.data:
            raise NotFound(key)
        if len(self.data[key]) > max_bytes:
            raise TooLarge
        return self.data[key], self._etag(key)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        data = (await self.get(key, 2**40))[0]
        if start >= len(data):
            raise NotFound(key)
        return data[start:end]

    async def head(self, key: str) -> ObjectFacts | None:
        self.faults.check("s3")
        return (
            ObjectFacts(len(self.data[key]), self._etag(key), self.metadata[key])
            if key in self.data
            else None
        )

    async def copy(self, source: str, target: str) -> None:
        data = (await self.get(source, 2**40))[0]
        await self.put(target, data, content_type="", metadata=self.metadata[source])

    async def list(self, prefix: str) -> AsyncIterator[list[ListedObject]]:
        self.faults.check("s3")
        found = [key for key in sorted(self.data) if key.startswith(prefix)]
        if found:
            yield [ListedObject(S3Key(key), len(self.data[key]), self._etag(key)) for key in found]

    async def delete(self, keys: Iterable[str]) -> None:
        self.faults.before("s3", "delete")
        for key in keys:
            self.data.pop(key, None)

    async def delete_prefix(self, prefix: str) -> None:
        if not prefix.strip("/") or not prefix.endswith("/"):
            raise ValueError(f"{prefix!r} is not a prefix that ends with a slash")
        assert prefix.count("/") >= 2, f"{prefix} is shared by all jobs"
        await self.delete([key for key in self.data if key.startswith(prefix)])


@dataclass
class Running:
    """A Job and its shards that are done or have failed for good."""

    owner: str
    shards: int
    created: datetime
    attempt: int
    suspended: bool = False
    parallelism: int = 1
    managed: bool = False
    deleting_since: datetime | None = None
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    reason: str = ""
    held: bool = False

    @property
    def ended(self) -> ChildEnd | None:
        if self.reason:
            return ChildEnd.FAILED
        if len(self.done | self.failed) < self.shards:
            return None
        return ChildEnd.FAILED if self.failed else ChildEnd.COMPLETE


class Jobs:
    """The Job controller, as far as the operator sees it."""

    def __init__(self, faults: Faults, now: Any) -> None:
        self.faults = faults
        self.now = now
        self.running: dict[tuple[str, int], Running] = {}
        self.created: list[tuple[str, int]] = []
        self.pods_start = True

    async def get(self, job: ImageJob, attempt: int) -> ChildJob:
        self.faults.check("store")
        it = self.running.get((job.key.name, attempt))
        if it is None:
            return ChildJob()
        if it.owner != job.uid:
            return ChildJob(Presence.FOREIGN)
        active = 0 if it.suspended or it.ended else min(it.parallelism, it.shards - len(it.done | it.failed))
        reason = it.reason or ("FailedIndexes" if it.failed else "")
        return ChildJob(
            Presence.OURS,
            it.suspended,
            it.managed,
            it.parallelism,
            active,
            active if self.pods_start else 0,
            it.created,
            it.deleting_since,
            it.ended,
            reason,
            held=it.held,
        )

    async def find_all(self, job: ImageJob) -> dict[int, ChildJob]:
        self.faults.check("store")
        mine = [attempt for (name, attempt), it in self.running.items() if it.owner == job.uid]
        return {attempt: await self.get(job, attempt) for attempt in mine}

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        self.faults.before("store", "create Job")
        if (job.key.name, attempt) not in self.running:
            self.created.append((job.uid, attempt))
            self.running[job.key.name, attempt] = Running(
                job.uid,
                shards,
                self.now(),
                attempt,
                parallelism=min(job.spec.parallelism, shards),
                managed=bool(job.spec.queue_name),
            )
        self.faults.after()

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        self.faults.before("store", "suspend Job")
        it = self.running[job.key.name, attempt]
        it.suspended, it.held = suspend, False

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        self.faults.before("store", "parallelism")
        self.running[job.key.name, attempt].parallelism = parallelism

    async def delete(self, job: ImageJob, attempt: int) -> None:
        self.faults.before("store", "delete Job")
        it = self.running.get((job.key.name, attempt))
        if it and it.deleting_since is None:
            it.deleting_since = self.now()
        self.faults.after()

    async def stop_all(self, uid: str) -> None:
        """Do nothing: `World.collect_garbage` does it."""


class Events:
    """Keeps the emitted events."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.emitted: list[Emit] = []

    async def emit(self, job: ImageJob, event: Emit) -> None:
        self.faults.before("store", "event")
        self.emitted.append(event)
