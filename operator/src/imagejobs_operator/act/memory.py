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
from imagejobs_contract.model.names import ANNOTATION_UPLOADS, JobKey, Uid
from imagejobs_contract.model.status import CallbackState, State, Status
from imagejobs_contract.ports import WakeUp
from imagejobs_operator.callbacks.payload import Answer
from imagejobs_operator.decide.observed import Past

UPLOADS_PREFIX = re.compile(r"uploads/[^/.]+/")
"""A request's own. The names of uploads by links hold dots: no job owns them
(docs/adr/0009-uploads-belong-to-callers.md).
"""


@dataclass(frozen=True, slots=True)
class Remains:
    """What of a job lies outside the store.

    Attributes:
        uploads: The S3 prefix of the files that came with it, or None.
    """

    key: JobKey
    uid: Uid
    uploads: str | None

    @classmethod
    def of(cls, job: ImageJob) -> "Remains":
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
        self._jobs: dict[JobKey, tuple[Remains, Past]] = {}
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

    def meet(self, job: ImageJob, now: datetime) -> Remains | None:
        """Note a job as it stands; return the remains of another one that had its name."""
        remains = Remains.of(job)
        before, past = self._jobs.get(job.key, (remains, Past()))
        if before.uid != job.uid:
            past = Past()
        past = replace(past, is_new=past.met is None, met=past.met or now)
        if job.deleting and past.deleting_since is None:
            past = replace(past, deleting_since=now)
        self._jobs[job.key] = remains, past
        self._note(job.key, job.status)
        return before if before.uid != job.uid else None

    def past(self, key: JobKey) -> Past:
        """Return what is remembered of a job."""
        known = self._jobs.get(key)
        return known[1] if known else Past()

    def wrote(self, key: JobKey, status: Status, now: datetime) -> None:
        """Note that its status was written."""
        self._change(key, written=now, **({"ends": {}} if status.state.final else {}))
        if key in self._jobs:
            self._note(key, status)

    def heard(self, woken: WakeUp) -> None:
        """Note how an image of a small job ended."""
        known, outcome = self._jobs.get(woken.key), woken.outcome
        if known and outcome and known[0].uid == woken.uid and 0 <= outcome.index < limits.MAX_POOL_ITEMS:
            self._change(woken.key, ends={**known[1].ends, outcome.index: outcome}, left=woken.tasks_left)

    def announced(self, key: JobKey, counts: Counts, now: datetime) -> None:
        """Note what was announced of it."""
        self._change(key, announced=now, announced_counts=counts)

    def withdrew(self, key: JobKey, now: datetime) -> None:
        """Note that the tasks of a job that is being deleted are off the queue."""
        self._change(key, withdrawn=self.past(key).withdrawn or now)

    def answered(self, key: JobKey, answer: Answer) -> None:
        """Note what came of a try to deliver its callback."""
        self._change(key, answer=answer)

    def rests(self, key: JobKey, until: datetime | None) -> None:
        """Note until when the resync may leave it out."""
        self._change(key, rests_until=until)

    def is_due(self, key: JobKey, now: datetime) -> bool:
        """Tell whether the resync is to look at a job."""
        until = self.past(key).rests_until
        return until is None or now >= until

    def drop(self, key: JobKey) -> Remains | None:
        """Forget a job; return its remains, if it was known."""
        known = self._jobs.pop(key, None)
        self._note(key, None)
        return known[0] if known else None

    def _note(self, key: JobKey, status: Status | None) -> None:
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
            remains, past = self._jobs[key]
            self._jobs[key] = remains, replace(past, **changes)  # type: ignore[arg-type]
