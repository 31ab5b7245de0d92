"""Knows which jobs wait for the pool, and which of them tells people that it has no worker.

That the pool has no worker is one fact, not one of each job: one job of a namespace says so in its status and
by an event, and a gauge counts those that wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.status import Status
from imagejobs_operator.decide.deadlines import UNATTENDED_SECONDS
from imagejobs_operator.decide.plan_pool import WAITING, says_no_worker


class PoolWaits:
    """Jobs that wait for a worker of the pool. The memory and the rounds of the pool write it."""

    def __init__(self) -> None:
        self._since: dict[JobKey, datetime] = {}
        self._speakers: dict[str, JobKey] = {}
        self._is_unattended = False

    @property
    def without_worker(self) -> int:
        """Return how many jobs wait while the pool has no worker; 0 if it has one."""
        return len(self._since) if self._is_unattended else 0

    def record(self, key: JobKey, status: Status, since: datetime) -> None:
        """Record a job as its status says; it has waited since then, if it waits."""
        if status.state not in WAITING or status.job_name or status.queued is None:
            self.forget(key)
            return
        self._since[key] = since
        if says_no_worker(status):
            self._speakers.setdefault(key.namespace, key)
        else:
            self._say_no_more(key)

    def forget(self, key: JobKey) -> None:
        """Forget a job that waits no more."""
        self._since.pop(key, None)
        self._say_no_more(key)

    def _say_no_more(self, key: JobKey) -> None:
        if self._speakers.get(key.namespace) == key:
            del self._speakers[key.namespace]

    def speaks(self, key: JobKey) -> bool:
        """Return whether a job says that the pool has no worker: the one that does, or any if none does."""
        return self._speakers.get(key.namespace, key) == key

    def record_workers(self, workers: int, now: datetime) -> Sequence[JobKey]:
        """Record how many workers the pool has, and return the jobs that are to say what that changes."""
        self._is_unattended = not workers
        if workers:
            return tuple(self._speakers.values())
        late = now - timedelta(seconds=UNATTENDED_SECONDS)
        oldest: dict[str, JobKey] = {}
        for key, since in self._since.items():
            first = oldest.setdefault(key.namespace, key)
            if since < self._since[first]:
                oldest[key.namespace] = key
        return [
            self._speakers.get(namespace, key)
            for namespace, key in oldest.items()
            if self._since[key] <= late
        ]
