"""Remembers the history of each job in the store, and which leftovers to delete when a job is suddenly gone.

A restart loses all of it. Then progress may be written a little earlier, and the files of jobs that were
deleted meanwhile stay until the bucket's lifecycle rules delete them.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import ANNOTATION_UPLOADS, JobKey, Uid
from imagejobs_contract.model.status import CallbackState, ConditionType, Reason, State, Status
from imagejobs_contract.ports import QueueFacts, WakeUp
from imagejobs_operator.act.pool_waits import PoolWaits
from imagejobs_operator.act.result_files import PartialResults
from imagejobs_operator.decide import moments
from imagejobs_operator.decide.deliveries import DeliveryResult
from imagejobs_operator.decide.history import History
from imagejobs_operator.decide.moments import NO_LEAD, Phase
from imagejobs_operator.decide.observed import Observed

UPLOADS_PREFIX = re.compile(r"uploads/[^/.]+/")
"""The uploads of one request. Names of uploads through links hold dots: they belong to no job
(docs/adr/0009-uploads-belong-to-callers.md).
"""


def is_callback_due(status: Status) -> bool:
    """Return whether a callback is pending that this operator can sign."""
    told = status.condition(ConditionType.CALLBACK_DELIVERED)
    unsigned = told is not None and told.reason is Reason.CALLBACK_UNSIGNED
    return status.callback is not None and status.callback.state is CallbackState.PENDING and not unsigned


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Names everything of a job that lies outside the store.

    Attributes:
        uploads: The S3 prefix of the files that were uploaded with the job, or None.
    """

    key: JobKey
    uid: Uid
    uploads: str | None

    @classmethod
    def of(cls, job: ImageJob) -> "Leftovers":
        """Return the leftovers of a job.

        Anyone who may write the job can write the annotation: it counts only if it names the uploads of one
        request.
        """
        prefix = job.annotations.get(ANNOTATION_UPLOADS, "")
        return cls(job.key, job.uid, prefix if UPLOADS_PREFIX.fullmatch(prefix) else None)


class Memory:
    """Keeps a `History` for each job in the store.

    The reconciler and the feeds write it; the reconciler, the resync and the metrics read it. One Memory
    lives as long as the program, on one event loop.

    All its times are those of the clock that only counts; `lead` is how far the calendar is ahead of it.

    Attributes:
        states: State -> number of jobs that had it when they were last seen.
        pool: The jobs that wait for the pool.
    """

    def __init__(self) -> None:
        self._jobs: dict[JobKey, tuple[Leftovers, History]] = {}
        self._states: dict[JobKey, State] = {}
        self._callbacks: dict[JobKey, datetime] = {}
        self._partial: dict[JobKey, tuple[Uid, PartialResults]] = {}
        self._waiting: dict[JobKey, datetime] = {}
        self._foreign: set[JobKey] = set()
        self._pool_facts: dict[JobKey, QueueFacts] = {}
        self.states: Counter[State] = Counter()
        self.pool = PoolWaits()

    @property
    def pending_callbacks(self) -> int:
        """Return the number of callbacks that are due and not delivered."""
        return len(self._callbacks)

    def unfinished_jobs(self) -> list[JobKey]:
        """Return the jobs that had not ended when they were last seen."""
        return [key for key, state in self._states.items() if not state.final]

    def oldest_callback_seconds(self, now: datetime) -> float:
        """Return the seconds since the oldest of them became due; 0 if there is none."""
        return max(0.0, (now - min(self._callbacks.values(), default=now)).total_seconds())

    def oldest_waiting_seconds(self, now: datetime) -> float:
        """Return the seconds that the oldest job has waited of which no image has begun; 0 if none waits."""
        return max(0.0, (now - min(self._waiting.values(), default=now)).total_seconds())

    def record_foreign(self, key: JobKey) -> None:
        """Record that a job is of another class: the resync need not read it again."""
        self._foreign.add(key)

    def keys(self, namespace: str | None) -> set[JobKey]:
        """Return the jobs of a namespace that were seen, and of which the class is known; None: of all."""
        known = self._jobs.keys() | self._foreign
        return {key for key in known if namespace in (None, key.namespace)}

    def record_job(self, job: ImageJob, now: datetime, lead: timedelta = NO_LEAD) -> Leftovers | None:
        """Record a job as the store has it; return the leftovers of another job that had its name before."""
        self._foreign.discard(job.key)
        leftovers = Leftovers.of(job)
        before, history = self._jobs.get(job.key, (leftovers, History()))
        if before.uid != job.uid:
            history = History()
        history = replace(history, is_new=history.first_seen is None, first_seen=history.first_seen or now)
        if job.deleting and history.deleting_since is None:
            history = replace(history, deleting_since=now)
        self._jobs[job.key] = leftovers, _learn(history, job.status, now, lead)
        self._count(job.key, job.status, now)
        return before if before.uid != job.uid else None

    def history(self, key: JobKey) -> History:
        """Return the history of a job; an empty one if the job is unknown."""
        known = self._jobs.get(key)
        return known[1] if known else History()

    def uid(self, key: JobKey) -> Uid | None:
        """Return the uid of the job that is known by a key."""
        known = self._jobs.get(key)
        return known[0].uid if known else None

    def record_sent(self, key: JobKey, attempt: int) -> None:
        """Record that tasks of the job's attempt were put on the pool's queue."""
        self._change(key, sent_attempt=attempt)

    def record_write(self, key: JobKey, status: Status, now: datetime, lead: timedelta = NO_LEAD) -> None:
        """Record a write of the job's status."""
        self._change(key, written=now, **({"reported": {}} if status.state.final else {}))
        if key in self._jobs:
            leftovers, history = self._jobs[key]
            self._jobs[key] = leftovers, _learn(history, status, now, lead)
            self._count(key, status, now)

    def record_children(self, key: JobKey, seen: Observed, now: datetime, lead: timedelta) -> None:
        """Record the stamps of the job's Jobs."""
        stamps = {Phase.JOB_CREATED: seen.child.created, Phase.JOB_DELETED: seen.last_child_deletion}
        known = self.history(key).moments
        kept = {phase: each for phase, each in known.items() if phase not in moments.OF_JOB}
        self._change(key, moments={**kept, **moments.learn(known, stamps, now, lead)})

    def record_wake_up(self, wake_up: WakeUp) -> None:
        """Record the outcome that came with a wake-up, if it is of a small job."""
        known, outcome = self._jobs.get(wake_up.key), wake_up.outcome
        if known and outcome and known[0].uid == wake_up.uid and 0 <= outcome.index < limits.MAX_POOL_ITEMS:
            reported = {**known[1].reported, outcome.index: outcome}
            self._change(wake_up.key, reported=reported, tasks_left=wake_up.tasks_left)

    def record_announcement(self, key: JobKey, counts: Counts, now: datetime) -> None:
        """Record an announcement of the job's counts."""
        self._change(key, announced=now, announced_counts=counts)

    def record_cancelled_tasks(self, key: JobKey, now: datetime) -> None:
        """Record when the tasks of a job that is being deleted were first cancelled."""
        self._change(key, tasks_cancelled=self.history(key).tasks_cancelled or now)

    def record_delivery(self, key: JobKey, result: DeliveryResult) -> None:
        """Record the result of a try to deliver the job's callback."""
        self._change(key, delivery_result=result)

    def skip_resync_until(self, key: JobKey, until: datetime | None) -> None:
        """Let the resync skip the job until a time; None: never."""
        self._change(key, skip_resync_until=until)

    def record_pool_facts(self, key: JobKey, waiting: int, outcomes: int) -> None:
        """Record what Redis holds of a job at which there is nothing to do as long as it holds just that."""
        if key in self._jobs:
            self._pool_facts[key] = QueueFacts(key, self._jobs[key][0].uid, waiting, outcomes)

    def forget_pool_facts(self, key: JobKey) -> None:
        """Forget what Redis holds of a job: the resync looks at it."""
        self._pool_facts.pop(key, None)

    def pool_facts(self) -> list[QueueFacts]:
        """Return what Redis holds of jobs at which there is nothing to do as long as it holds just that."""
        return list(self._pool_facts.values())

    def pool_facts_of(self, key: JobKey) -> QueueFacts | None:
        """Return the same of one job, if it is known."""
        return self._pool_facts.get(key)

    def is_due(self, key: JobKey, now: datetime) -> bool:
        """Return whether the resync adds the job."""
        until = self.history(key).skip_resync_until
        return key not in self._foreign and (until is None or now >= until)

    def record_partial_results(self, key: JobKey, uid: Uid, partial: PartialResults) -> None:
        """Record what was read of a job's results, when the rest could not be read."""
        self._partial[key] = uid, partial

    def take_partial_results(self, key: JobKey, uid: Uid) -> PartialResults | None:
        """Return what was read of a job's results, once."""
        known = self._partial.pop(key, None)
        return known[1] if known and known[0] == uid else None

    def forget(self, key: JobKey) -> Leftovers | None:
        """Forget a job; return its leftovers, if it was known."""
        known = self._jobs.pop(key, None)
        self._foreign.discard(key)
        self._partial.pop(key, None)
        self._pool_facts.pop(key, None)
        self.pool.forget(key)
        self._uncount(key)
        return known[0] if known else None

    def _count(self, key: JobKey, status: Status, now: datetime) -> None:
        waiting_since = self._waiting.get(key, now)
        self._uncount(key)
        self._states[key] = status.state
        self.states[status.state] += 1
        known = self.history(key).moments
        queued = known.get(Phase.QUEUED)
        self.pool.record(key, status, queued[1] if queued else waiting_since)
        # A stalled job waits for a person, and a restart begins to measure anew.
        if status.state in (State.PENDING, State.QUEUED) and not status.is_true(ConditionType.STALLED):
            self._waiting[key] = queued[1] if queued else waiting_since
        if (due := known.get(Phase.CALLBACK_DUE)) and is_callback_due(status):
            self._callbacks[key] = due[1]

    def _uncount(self, key: JobKey) -> None:
        self._callbacks.pop(key, None)
        self._waiting.pop(key, None)
        if (before := self._states.pop(key, None)) is not None:
            self.states[before] -= 1

    def _change(self, key: JobKey, **changes: object) -> None:
        if key in self._jobs:
            leftovers, history = self._jobs[key]
            self._jobs[key] = leftovers, replace(history, **changes)  # type: ignore[arg-type]


def _learn(history: History, status: Status, now: datetime, lead: timedelta) -> History:
    known = history.moments
    kept = {phase: each for phase, each in known.items() if phase in moments.OF_JOB}
    learnt = moments.learn(known, moments.stamps_of(status), now, lead)
    return replace(history, moments={**kept, **learnt})
