"""Deletes what jobs leave that are gone: uploads, working files, and results that workers stored late.

Decided in `decide.late_writes`. A restart loses what waits here; the bucket's lifecycle rules then delete it.
"""

import logging
from datetime import datetime, timedelta

from imagejobs_contract.errors import ImageJobsError, Unavailable
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.times import Clock
from imagejobs_operator.act.apply import apply, delete_leftovers
from imagejobs_operator.act.memory import Leftovers
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.decide import actions, attempts

log = logging.getLogger(__name__)


class Cleanup:
    """Remembers by the names of jobs what is to be deleted, until it was.

    The reconciler adds and asks, each key only once at a time. One Cleanup lives as long as its reconciler.

    Args:
        clock: Only counts.
    """

    def __init__(self, ports: Ports, clock: Clock) -> None:
        self._ports = ports
        self._clock = clock
        self._leftovers: dict[JobKey, tuple[Leftovers, ...]] = {}
        self._late: dict[JobKey, tuple[ImageJob, datetime]] = {}

    def add_leftovers(self, leftovers: Leftovers | None) -> None:
        """Add what a job left that is gone."""
        if leftovers:
            before = self._leftovers.get(leftovers.key, ())
            self._leftovers[leftovers.key] = (*before, leftovers)

    def add_late_outputs(self, job: ImageJob, seconds: float) -> None:
        """Add the outputs of a job that was let go of while its workers may store results, for some time."""
        self._late[job.key] = job, self._clock() + timedelta(seconds=seconds)

    async def delete_leftovers(self, key: JobKey) -> None:
        """Delete what the jobs left that had this name. Where that is refused it stays.

        Raises:
            Unavailable: A system is away: another try may succeed.
        """
        for each in self._leftovers.get(key, ()):
            try:
                await delete_leftovers(self._ports, each)
            except Unavailable:
                raise
            except ImageJobsError as ex:
                log.warning("leftovers stay", extra={"job_id": key.name, "reason": ex.message})
            self._forget(each)

    async def delete_late_outputs(self, key: JobKey) -> float | None:
        """Delete the late outputs of a job that is gone, when they are due; return the seconds until then.

        Raises:
            ImageJobsError: They could not be deleted; another try may succeed.
        """
        late = self._late.get(key)
        if late is None:
            return None
        job, due = late
        if (left := (due - self._clock()).total_seconds()) > 0:
            return left
        shards = max(1, job.status.shards or attempts.shard_count(job.spec))
        await apply(self._ports, job, actions.DeleteOutputs(shards))
        del self._late[key]
        return None

    def _forget(self, leftovers: Leftovers) -> None:
        left = tuple(each for each in self._leftovers.pop(leftovers.key) if each != leftovers)
        if left:
            self._leftovers[leftovers.key] = left
