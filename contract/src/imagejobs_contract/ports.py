"""What the programs need of the outside world, as protocols; the adapters stand beside this file.

Every call is bounded in time by its adapter and raises only errors of `errors.py`: `Unavailable` when a repeat may help.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from imagejobs_contract.counts import Counts
from imagejobs_contract.names import JobKey
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.tasks import Task

if TYPE_CHECKING:
    # Workers load nothing that they never touch: 20 ms.
    from imagejobs_contract.imagejob import ImageJob
    from imagejobs_contract.spec import Spec
    from imagejobs_contract.status import State, Status


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and the cursor of the next page ("" at the end)."""

    jobs: tuple[ImageJob, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store tells of one job: how it stands, or None if it is gone or cannot be read."""

    key: JobKey
    job: ImageJob | None


class JobStore(Protocol):
    """Where ImageJobs are kept: the Kubernetes API, or SQLite."""

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job; what is returned has uid, version and time. Durable when it returns.

        Raises:
            AlreadyExists: There is one of that name.
            Invalid: The store's own rules refuse it.
        """
        ...

    async def get(self, key: JobKey) -> ImageJob:
        """Return the job as it stands.

        Raises:
            NotFound: There is none.
            Invalid: It is stored, but its spec cannot be read.
        """
        ...

    async def list(self, namespace: str | None, state: State | None = None, limit: int = 100, cursor: str = "", *, caller: str | None = None) -> Page:
        """Return a page of jobs, newest first; of all namespaces and callers if None. Unreadable ones are left out.

        Newest first holds within SQLite, and within one page of the Kubernetes API, which orders by name.
        """
        ...

    async def keys(self) -> Sequence[JobKey]:
        """Return the keys of all jobs that this store watches, for the resync."""
        ...

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status if the job is still the one that was read (uid and resource version).

        Raises:
            Conflict: It changed.
            NotFound: It is gone, or another job has its name.
        """
        ...

    async def change_spec(self, key: JobKey, change: Callable[[Spec], Spec]) -> ImageJob:
        """Change mutable fields of the spec, trying again when somebody else was faster.

        Raises:
            NotFound: There is none.
            Invalid: The change touches what is immutable.
        """
        ...

    async def delete(self, key: JobKey, uid: str | None = None) -> None:
        """Ask for deletion; nothing happens if there is none (of that uid). Jobs with finalizers wait for them."""
        ...

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer; nothing happens if it has it, is being deleted, or is gone."""
        ...

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Take a finalizer off; nothing happens if the job or the finalizer is gone."""
        ...

    def follow(self) -> AsyncIterator[Seen | None]:
        """Yield every job there is, then each as it changes or goes; and None, now and then, when all has been told that was to be told.

        It may repeat, and may merge changes of one job. After a gap all is told again, and what went meanwhile. Which of two that were told of
        one job is newer, their versions say.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A job's state and counts, as they were when it changed."""

    key: JobKey
    uid: str
    state: State
    counts: Counts


@dataclass(frozen=True, slots=True)
class WakeUp:
    """That something about a job changed; of an image in the pool that ended also what the board then held.

    Attributes:
        outcome: Of the image.
        left: Tasks of the job that were still on the queue.
    """

    key: JobKey
    uid: str = ""
    outcome: Outcome | None = None
    left: int = 0


class ProgressBoard(Protocol):
    """Live progress, in Redis. Losing all of it loses nothing else."""

    async def counts(self, uid: str) -> Counts | None:
        """Return the sum over the shards, or None if the board knows nothing."""
        ...

    async def all_counts(self, uids: Sequence[str]) -> Sequence[Counts | None]:
        """Return the same for several jobs, in one exchange."""
        ...

    async def put_shard(self, key: JobKey, uid: str, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()) -> None:
        """Write a shard's counters, absolute, and outcomes for the item hash, and wake the operator; safe to repeat."""
        ...

    async def outcomes(self, uid: str) -> Mapping[int, Outcome]:
        """Return what is known of the images that ended."""
        ...

    async def forget(self, uid: str) -> None:
        """Remove all keys of a job."""
        ...

    async def announce(self, change: Change) -> None:
        """Tell whoever waits for a job that it changed."""
        ...

    def announcements(self) -> AsyncIterator[Change | None]:
        """Yield each change from now on, and None at least once a second, and whenever some may have been missed."""
        ...

    def wake_ups(self) -> AsyncIterator[WakeUp | None]:
        """Yield a word of each image that ended, and None at least once a second. Some may be missed."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """One task in one worker's hands.

    Attributes:
        entry: Its id on the stream.
        deliveries: How often it was taken, this time included.
    """

    task: Task
    entry: str
    deliveries: int


class TaskQueue(Protocol):
    """The pool's queue: a Redis stream with one consumer group."""

    async def send(self, tasks: Sequence[Task]) -> None:
        """Put tasks on the stream and note where each one lies, atomically per task."""
        ...

    async def waiting(self, uid: str) -> frozenset[int]:
        """Return the indexes of a job's images that are on the stream, taken or not."""
        ...

    async def withdraw(self, uid: str) -> None:
        """Take all tasks of a job off the stream; whoever works on one loses its lease."""
        ...

    async def take(self, consumer: str, block_seconds: float) -> Lease | None:
        """Return a task whose worker died, else a new one, else None after the time."""
        ...

    async def renew(self, consumer: str, lease: Lease) -> bool:
        """Prolong the lease; False if it is lost."""
        ...

    async def finish(self, consumer: str, lease: Lease, outcome: Outcome) -> bool:
        """Record the outcome, take the task off, wake the operator: all or nothing; False if the lease is lost."""
        ...

    async def hand_back(self, consumer: str, lease: Lease) -> None:
        """Give the task to the others at once; this taking does not count."""
        ...

    async def depth(self) -> int:
        """Return how many tasks are on the stream, taken or not."""
        ...

    async def workers(self) -> int:
        """Return how many workers were seen lately."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What S3 tells about an object without its bytes."""

    size: int
    etag: str
    metadata: Mapping[str, str]


class Listed(NamedTuple):
    """An object as a listing tells of it; a million of them are looked at."""

    key: str
    size: int
    etag: str


class ObjectStore(Protocol):
    """S3, over the endpoint for I/O."""

    async def put(
        self, key: str, data: bytes, *, content_type: str, cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None, only_if: str | None = None,
    ) -> str:  # fmt: skip
        """Store an object and return its ETag.

        Args:
            only_if: None overwrites; "" stores only if there is none; an ETag stores only over that version.

        Raises:
            Conflict: `only_if` did not hold.
        """
        ...

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store what the iterator yields, never held whole; return the size. If it raises, nothing is stored."""
        ...

    async def get(self, key: str, max_bytes: int) -> tuple[bytes, str]:
        """Return an object and its ETag.

        Raises:
            NotFound: There is none.
            TooLarge: It has more bytes; none were read.
        """
        ...

    async def get_range(self, key: str, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Return bytes start to end, the end excluded.

        Args:
            only_if: An ETag reads only that version.

        Raises:
            NotFound: There is no object, or it ends before the start.
            Conflict: `only_if` did not hold.
        """
        ...

    async def head(self, key: str) -> ObjectFacts | None:
        """Return facts of an object, or None."""
        ...

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket."""
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone count as deleted."""
        ...

    def list(self, prefix: str) -> AsyncGenerator[Sequence[Listed], None]:
        """Yield what lies under a prefix that ends with a slash, in S3's order, a page at a time."""
        ...

    async def delete_prefix(self, prefix: str) -> None:
        """Delete everything under a prefix that ends with a slash."""
        ...

    async def check(self) -> None:
        """Raise `Unavailable` or `Misconfigured` unless the bucket can be read."""
        ...


class LinkSigner(Protocol):
    """Presigned links for the public endpoint."""

    def get_link(self, key: str, *, seconds: int, content_type: str, file_name: str) -> str:
        """Return a link that anybody can GET for a time, with that type and file name."""
        ...

    def put_link(self, key: str, *, seconds: int, size: int, content_type: str) -> str:
        """Return a link by which anybody can PUT an object for a time, of that size in bytes and that type only."""
        ...

    def part_link(self, key: str, upload: str, number: int, *, seconds: int, size: int) -> str:
        """Return a link by which anybody can PUT a part of an upload for a time, of that size in bytes only."""
        ...


class PartUploads(Protocol):
    """Objects that clients send to S3 in parts."""

    async def begin(self, key: str, content_type: str) -> str:
        """Return the id of a new upload; its parts cost storage until it is completed, aborted, or ended by the bucket's lifecycle rule."""
        ...

    async def complete(self, key: str, upload: str, parts: int) -> None:
        """Make the object of its parts.

        Raises:
            NotFound: There is no such upload.
            Conflict: Not all parts are there.
        """
        ...

    async def abort(self, key: str, upload: str) -> None:
        """Drop an upload and its parts; nothing happens if there is none."""
        ...


Body = dict[str, Any]
"""A JSON object."""
