"""The ports of the operator: everything outside that `act` speaks to. Adapters and tests implement them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.ports import JobStore, ProgressBoard, TaskQueue
from imagejobs_contract.storage import ObjectStore
from imagejobs_operator.decide.actions import Emit
from imagejobs_operator.decide.deliveries import DeliveryId
from imagejobs_operator.decide.observed import ChildJob


class ChildJobs(Protocol):
    """The Indexed Jobs of ImageJobs.

    Each call may be repeated; a request that changes nothing is no error.
    """

    async def get(self, job: ImageJob, attempt: int) -> ChildJob:
        """Return facts about the Job of an attempt."""
        ...

    async def find_all(self, job: ImageJob) -> Mapping[int, ChildJob]:
        """Return facts about all Jobs that the ImageJob owns, by attempt."""
        ...

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Create the Job of an attempt. A Job of that name stays as it is, even if its owner is another.

        Raises:
            PriorityClassNotFound: None of its pods would be taken.
        """
        ...

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Suspend the Job, or resume it."""
        ...

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change the number of pods that run at once."""
        ...

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Delete the Job if it is ours; it exists until its pods are gone."""
        ...

    async def stop_all(self, uid: str) -> None:
        """Stop everything that still runs for a deleted ImageJob, unless it stops by itself."""
        ...


class Namespaces(Protocol):
    """The namespaces of a cluster."""

    async def is_ending(self, namespace: str) -> bool:
        """Return whether a namespace is being deleted."""
        ...


class Events(Protocol):
    """Posts events for people."""

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Post one event."""
        ...


class Callbacks(Protocol):
    """Delivers callbacks."""

    async def dispatch(self, job: ImageJob, delivery: DeliveryId) -> None:
        """Start a try and return at once; nothing happens if this try has started."""
        ...


class UsageNotes(Protocol):
    """Counts what callers used."""

    def note(self, job: ImageJob) -> None:
        """Note a job that has ended; again is the same as once."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports.

    Attributes:
        child_jobs: None where there are no Jobs.
        callbacks: None where there is no secret to sign callbacks with.
        namespaces: None where there are none, as on one machine.
        usage: None where nobody asks for it.
    """

    store: JobStore
    board: ProgressBoard
    queue: TaskQueue
    objects: ObjectStore
    child_jobs: ChildJobs | None
    events: Events
    callbacks: Callbacks | None = None
    namespaces: Namespaces | None = None
    usage: UsageNotes | None = None
