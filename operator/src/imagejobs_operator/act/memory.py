"""What this process remembers of jobs between two looks: when it last spoke of them, and what to clear away when one is suddenly gone.

A restart forgets all of it. Then progress may be written a little earlier, and files of jobs that were
deleted meanwhile stay until the bucket's lifecycle rules take them.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import ANNOTATION_UPLOADS, JobKey
from imagejobs_contract.model.status import CallbackState, State, Status
from imagejobs_contract.ports import WakeUp
from imagejobs_operator.callbacks.payload import DeliveryResult
from imagejobs_operator.decide.observed import History

UPLOADS_PREFIX = re.compile(r"uploads/[^/.]+/")
"""A request's own. The names of uploads by links hold dots: no job owns them
(docs/adr/0009-uploads-belong-to-callers.md).
"""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What of a job lies outside the store.

    Attributes:
        uploads: The S3 prefix of the files that came with it, or None.
    """

    key: JobKey
    uid: str
    uploads: str | None

    @classmethod
    def of(cls, job: ImageJob) -> "Leftovers":
        """Read them off a job.

        An annotation is anybody's to write: it names one request's uploads or nothing.
        """
        prefix = job.annotations.get(ANNOTATION_UPLOADS, "")
        return cls(job.key, job.uid, prefix if UPLOADS_PREFIX.fullmatch(prefix) else None)


class Memory:
    """Remembers the jobs that are in the store; as large as their number.

    Attributes:
        states: How many jobs were in which state when they were last looked at.
    """

    def __init__(self) -> None:
        self._jobs: dict[JobKey, tuple[Leftovers, History]] = {}
        self._states: dict[JobKey, State] = {}
        self._callbacks: dict[JobKey, datetime] = {}
        self.states: Counter[State] = Counter()

    @property
    def pending_callbacks(self) -> int:
        """Return how many callbacks are due and not delivered."""
        return len(self._callbacks)

    def oldest_callback_seconds(self, now: datetime) -> float:
        """Return since when the oldest of them is due."""
        return max(0.0, (now - min(self._callbacks.values(), default=now)).total_seconds())

    def record_job(self, job: ImageJob, now: datetime) -> Leftovers | None:
        """Note a job as it stands; return the remains of another one that had its name."""
        remains = Leftovers.of(job)
        before, history = self._jobs.get(job.key, (remains, History()))
        if before.uid != job.uid:
            history = History()
        history = replace(history, is_new=history.first_seen is None, first_seen=history.first_seen or now)
        if job.deleting and history.deleting_since is None:
            history = replace(history, deleting_since=now)
        self._jobs[job.key] = remains, history
        self._count(job.key, job.status)
        return before if before.uid != job.uid else None

    def history(self, key: JobKey) -> History:
        """Return what is remembered of a job."""
        known = self._jobs.get(key)
        return known[1] if known else History()

    def record_write(self, key: JobKey, status: Status, now: datetime) -> None:
        """Note that its status was written."""
        self._change(key, written=now, **({"reported": {}} if status.state.final else {}))
        if key in self._jobs:
            self._count(key, status)

    def record_wake_up(self, woken: WakeUp) -> None:
        """Note how an image of a small job ended."""
        known, outcome = self._jobs.get(woken.key), woken.outcome
        if known and outcome and known[0].uid == woken.uid and 0 <= outcome.index < limits.POOL_ITEMS:
            self._change(
                woken.key, reported={**known[1].reported, outcome.index: outcome}, tasks_left=woken.tasks_left
            )

    def record_announcement(self, key: JobKey, counts: Counts, now: datetime) -> None:
        """Note what was announced of it."""
        self._change(key, announced=now, announced_counts=counts)

    def record_cancelled_tasks(self, key: JobKey, now: datetime) -> None:
        """Note that the tasks of a job that is being deleted are off the queue."""
        self._change(key, tasks_cancelled=self.history(key).tasks_cancelled or now)

    def record_delivery(self, key: JobKey, answer: DeliveryResult) -> None:
        """Note what came of a try to deliver its callback."""
        self._change(key, delivery_result=answer)

    def skip_resync_until(self, key: JobKey, until: datetime | None) -> None:
        """Note until when the resync may leave it out."""
        self._change(key, skip_resync_until=until)

    def is_due(self, key: JobKey, now: datetime) -> bool:
        """Tell whether the resync is to look at a job."""
        until = self.history(key).skip_resync_until
        return until is None or now >= until

    def forget(self, key: JobKey) -> Leftovers | None:
        """Forget a job; return its remains, if it was known."""
        known = self._jobs.pop(key, None)
        self._count(key, None)
        return known[0] if known else None

    def _count(self, key: JobKey, status: Status | None) -> None:
        self._callbacks.pop(key, None)
        if (before := self._states.pop(key, None)) is not None:
            self.states[before] -= 1
        if status is None:
            return
        self._states[key] = status.state
        self.states[status.state] += 1
        if status.callback and status.callback.state is CallbackState.PENDING and status.callback.since:
            self._callbacks[key] = status.callback.since

    def _change(self, key: JobKey, **changes: object) -> None:
        if key in self._jobs:
            remains, history = self._jobs[key]
            self._jobs[key] = remains, replace(history, **changes)  # type: ignore[arg-type]
