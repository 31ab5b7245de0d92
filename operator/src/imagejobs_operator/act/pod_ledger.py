"""Knows which jobs have pods and which wait for some, so that one owner's large jobs leave room for others.

An owner is a namespace and a caller; all owners of a namespace share the pods that it was given. The ledger
is memory only: after a restart each job is entered as it is seen again, and until then a new job may get some
pods more than the bound. Jobs that Kueue admits are not entered.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.conditions import MAX_TOLD_PLACE
from imagejobs_operator.decide.grants import Grants
from imagejobs_operator.decide.observed import ChildJob, PodShare, Presence

Owner = tuple[str, str]
Place = tuple[datetime, str]
"""Order of waiting jobs: when they were created, then their names."""
FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Jobs:
    """Jobs of one owner."""

    pods: dict[JobKey, int]
    waiting: dict[JobKey, Place]


class PodLedger:
    """Counts pods by owner. The reconciler writes it; one lives as long as the program.

    Args:
        max_owner_pods: Pods of all large jobs of one owner at a time.
        grants: Hold the pods of all large jobs of a namespace at a time; None where there are no borders.
    """

    def __init__(self, max_owner_pods: int, grants: Grants | None = None) -> None:
        self._most = max_owner_pods
        self._grants = grants
        self._owners: dict[Owner, _Jobs] = {}
        self._known: dict[JobKey, Owner] = {}
        self._on_turn: Callable[[JobKey], None] = lambda key: None

    def on_turn(self, listener: Callable[[JobKey], None]) -> None:
        """Set the listener that is called with a waiting job when another one has left or shrunk."""
        self._on_turn = listener

    def knows(self, key: JobKey) -> bool:
        """Return whether a job has pods, or waits for some."""
        return key in self._known

    def observe(self, job: ImageJob, child: ChildJob) -> PodShare:
        """Enter the pods that a job has, and return its share of its owner's."""
        holds = child.presence is Presence.OURS and not (child.ended or child.suspended or child.managed)
        jobs = self._jobs_of(job)
        before = jobs.pods.pop(job.key, 0)
        if holds:
            jobs.waiting.pop(job.key, None)
            jobs.pods[job.key] = max(child.parallelism, child.active)
        if before > jobs.pods.get(job.key, 0):
            self._call_waiting(job.key.namespace)
        left = min(self._most - _pods_beside(job, [jobs]), self._left_in_namespace(job))
        ahead = sum(each < _place(job) for key, each in jobs.waiting.items() if key != job.key)
        return PodShare(0 if holds and jobs.waiting else max(0, left), ahead)

    def record(self, job: ImageJob, todo: Iterable[Action]) -> None:
        """Enter the decision about a job, before another one of its owner is decided on."""
        jobs = self._jobs_of(job)
        waited = jobs.waiting.pop(job.key, None)
        for each in todo:
            if isinstance(each, actions.AwaitPods):
                jobs.waiting[job.key] = _place(job)
            elif (isinstance(each, actions.CreateJob) and not job.spec.queue_name) or isinstance(
                each, actions.SetParallelism
            ):
                jobs.pods[job.key] = each.parallelism
            elif isinstance(each, actions.SuspendJob) and not each.suspend:
                jobs.pods.setdefault(job.key, job.spec.parallelism)
        if waited and job.key not in jobs.waiting:
            self._call_waiting(job.key.namespace)
        if job.key not in jobs.waiting and job.key not in jobs.pods:
            self.forget(job.key)

    def forget(self, key: JobKey) -> None:
        """Remove a job that has ended, or is gone."""
        owner = self._known.pop(key, None)
        if owner is None:
            return
        jobs = self._owners[owner]
        had = jobs.pods.pop(key, None), jobs.waiting.pop(key, None)
        if not (jobs.pods or jobs.waiting):
            del self._owners[owner]
        if had != (None, None):
            self._call_waiting(key.namespace)

    def _jobs_of(self, job: ImageJob) -> _Jobs:
        owner = self._known.setdefault(job.key, (job.key.namespace, job.caller))
        return self._owners.setdefault(owner, _Jobs({}, {}))

    def _left_in_namespace(self, job: ImageJob) -> int:
        """Return the pods that no other job of the namespace has.

        A namespace that has none any more may keep those of jobs that have begun.
        """
        given = self._grants.of(job).pods if self._grants else 0
        return given - _pods_beside(job, self._in_namespace(job.key.namespace)) if given else sys.maxsize

    def _in_namespace(self, namespace: str) -> list[_Jobs]:
        return [jobs for owner, jobs in self._owners.items() if owner[0] == namespace]

    def _call_waiting(self, namespace: str) -> None:
        """Call the first waiting jobs of each owner; the owner whose first one has waited longest first."""
        waiting = [jobs.waiting for jobs in self._in_namespace(namespace) if jobs.waiting]
        for places in sorted(waiting, key=lambda places: min(places.values())):
            # For those behind them nothing changes that anybody is told.
            for key in nsmallest(MAX_TOLD_PLACE + 1, places, key=places.__getitem__):
                self._on_turn(key)


def _pods_beside(job: ImageJob, owners: Iterable[_Jobs]) -> int:
    return sum(count for jobs in owners for key, count in jobs.pods.items() if key != job.key)


def _place(job: ImageJob) -> Place:
    return job.created or FIRST, job.key.name
