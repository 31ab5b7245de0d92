"""Protocols of the outside systems that the programs use; the adapters are in `stores`, `redis` and `s3`.

Every call is bounded in time by its adapter and raises only errors of `errors.py`: `Unavailable` if a repeat
may help.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import NO_UID, CallerName, JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.wire.tasks import Task

if TYPE_CHECKING:
    # Workers load nothing that they never touch: 20 ms.
    from imagejobs_contract.model.imagejob import ImageJob
    from imagejobs_contract.model.spec import Spec
    from imagejobs_contract.model.status import State, Status


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and the cursor of the next page ("" at the end)."""

    jobs: tuple[ImageJob, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One job in a watch: its present state, or None if it is deleted or cannot be read."""

    key: JobKey
    job: ImageJob | None


class JobStore(Protocol):
    """Where ImageJobs are kept: the Kubernetes API, or SQLite."""

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job and return it with uid, version and time. It is durable then.

        Raises:
            AlreadyExists: There is one of that name.
            Invalid: The store's own rules refuse it.
        """
        ...

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return a job.

        Args:
            key: Its namespace and name.
            caller: A job of another caller is as good as none. It is left out before it is read, so that
                the answer comes as fast as for a name that no job has. `UNOWNED` means a job of no caller;
                without Kubernetes, where only the API makes jobs, there is none.

        Raises:
            NotFound: There is none.
            Invalid: It is stored, but its spec cannot be read.
        """
        ...

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: CallerName | None = None,
    ) -> Page:
        """Return a page of jobs, newest first; of all namespaces and callers if None.

        Unreadable ones are left out.

        Newest first holds within SQLite, and within one page of the Kubernetes API, which orders by name.
        """
        ...

    async def keys(self, namespace: str | None = None) -> Sequence[JobKey]:
        """Return the keys of all jobs that this store watches, or of one namespace, for the resync."""
        ...

    async def count(self, namespace: str | None = None) -> int | None:
        """Return how many keys `keys` would return, at the price of one; None if the store cannot tell."""
        ...

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status if the job is still the one that was read (uid and resource version).

        Raises:
            Conflict: It changed.
            NotFound: It is gone, or another job has its name.
        """
        ...

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change mutable fields of the spec, and try again when another writer was faster.

        Args:
            check: Is called with the very version that is changed, and raises what is raised here: no change
                comes between its look and the write.

        Raises:
            NotFound: There is none.
            Invalid: The change touches an immutable field.
        """
        ...

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion; nothing happens if there is none (of that uid).

        Jobs with finalizers wait for them.
        """
        ...

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer.

        Nothing happens if the job has it, is being deleted, or is gone.
        """
        ...

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Remove a finalizer; nothing happens if the job or the finalizer is gone."""
        ...

    def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield every job, then each job that changes or is deleted.

        None comes from time to time, when no known event is outstanding. An event may be repeated, and
        changes of one job may be merged. After a gap all jobs come again, and those that were deleted
        meanwhile. Of two events of one job, the job's version says which is newer.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A job's state and counts, as they were when it changed."""

    key: JobKey
    uid: Uid
    state: State
    counts: Counts


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A hint that something about a job changed.

    For an image that ended in the pool it also carries the facts that the board had then.

    Attributes:
        outcome: Of the image.
        tasks_left: Tasks of the job that were still on the queue.
    """

    key: JobKey
    uid: Uid = NO_UID
    outcome: Outcome | None = None
    tasks_left: int = 0


class ProgressBoard(Protocol):
    """Live progress, in Redis. Losing all of it loses nothing else."""

    async def counts(self, uid: Uid) -> Counts | None:
        """Return the sum over the shards, or None if the board knows nothing."""
        ...

    async def all_counts(self, uids: Sequence[Uid]) -> Sequence[Counts | None]:
        """Return the same for several jobs, in one exchange."""
        ...

    async def put_shard(
        self, key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        """Write a shard's absolute counters and its outcomes, and wake the operator; safe to repeat."""
        ...

    async def outcomes(self, uid: Uid) -> Mapping[int, Outcome]:
        """Return the known outcomes of a job, by index."""
        ...

    async def forget(self, uid: Uid) -> None:
        """Remove all keys of a job."""
        ...

    async def announce(self, change: Change) -> None:
        """Announce to all who watch the board that a job changed."""
        ...

    def announcements(self) -> AsyncIterator[Change | None]:
        """Yield each change from now on.

        None comes at least once a second, and whenever changes may have been missed.
        """
        ...

    def wake_ups(self) -> AsyncIterator[WakeUp | None]:
        """Yield a hint for each image that ended, and None at first and where some may have been missed."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """One task that one worker holds.

    Attributes:
        entry_id: The task's id on the stream.
        deliveries: How often it was leased, this time included.
        age_seconds: Since it was put on the stream, by the queue's own clock.
    """

    task: Task
    entry_id: str
    deliveries: int
    age_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What the queue and the board hold of a job.

    Attributes:
        waiting: Number of its images that are on the queue, leased or not.
        outcomes: Number of its images that have an outcome on the board.
    """

    key: JobKey
    uid: Uid
    waiting: int
    outcomes: int


class TaskQueue(Protocol):
    """The pool's queue: a Redis stream with one consumer group.

    Owners take turns, and so do the jobs of one owner.
    """

    async def send(self, tasks: Sequence[Task]) -> None:
        """Put tasks on the stream and record the place of each, atomically per task."""
        ...

    async def waiting(self, uid: Uid) -> frozenset[int]:
        """Return the indexes of a job's images that are on the stream, leased or not."""
        ...

    async def find_changed(self, known: Sequence[QueueFacts]) -> Sequence[JobKey]:
        """Return those of these jobs of which the queue or the board holds something else."""
        ...

    async def cancel(self, uid: Uid) -> None:
        """Remove all tasks of a job from the stream; a worker that holds one loses its lease."""
        ...

    async def lease(self, consumer: str, block_seconds: float) -> Lease | None:
        """Return a task whose worker died, else the one whose turn it is, else None after the time."""
        ...

    async def extend(self, consumer: str, lease: Lease) -> bool:
        """Prolong the lease; False if it is lost."""
        ...

    async def ack(self, consumer: str, lease: Lease, outcome: Outcome) -> bool:
        """Record the outcome, remove the task and wake the operator: all or nothing.

        Returns:
            False if the lease is lost.
        """
        ...

    async def release(self, consumer: str, lease: Lease) -> None:
        """Give the task back to the queue at once; this delivery does not count."""
        ...

    async def depth(self) -> int:
        """Return how many tasks are on the stream, leased or not."""
        ...

    async def workers(self) -> int:
        """Return how many workers were seen recently."""
        ...

    async def check(self) -> None:
        """Raise `Unavailable` or `Misconfigured` unless tasks can be put on the queue."""
        ...
