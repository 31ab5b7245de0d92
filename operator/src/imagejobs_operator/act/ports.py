"""The outside world as the operator's core knows it: ports only, so that both bindings and the tests hand in their own."""

from dataclasses import dataclass
from typing import Protocol

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import Uid
from imagejobs_contract.ports import JobStore, ProgressBoard, TaskQueue
from imagejobs_contract.storage import ObjectStore
from imagejobs_operator.callbacks.payload import Ticket
from imagejobs_operator.decide.actions import Emit
from imagejobs_operator.decide.observed import Child


class Jobs(Protocol):
    """Runs Indexed Jobs. Each call may be repeated; what is asked for and already so is no error."""

    async def look(self, job: ImageJob, attempt: int) -> Child:
        """Return the facts of an attempt's Job."""
        ...

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Create an attempt's Job. One that exists is left alone, whoever owns it: the next look tells."""
        ...

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Suspend the Job, or let it go on."""
        ...

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change how many of its pods run at once."""
        ...

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Delete the Job if it is ours; it stays until its pods are gone."""
        ...

    async def abandon(self, uid: Uid) -> None:
        """Stop whatever still runs for an ImageJob that is gone, unless that goes with it by itself."""
        ...


class Events(Protocol):
    """Tells people what happened."""

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Post one event."""
        ...


class Callbacks(Protocol):
    """Tells others that jobs ended."""

    async def begin(self, job: ImageJob, ticket: Ticket) -> None:
        """Begin a try and return; nothing happens if it has begun."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the core talks to.

    Attributes:
        jobs: None where there is no Kubernetes.
        callbacks: None where there is no secret to sign them with.
    """

    store: JobStore
    board: ProgressBoard
    queue: TaskQueue
    objects: ObjectStore
    jobs: Jobs | None
    events: Events
    callbacks: Callbacks | None = None
