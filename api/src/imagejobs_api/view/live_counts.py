"""A job's counts: from its status and, while it runs, from the progress board."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from imagejobs_api.view import states
from imagejobs_api.view.live_board import BoardWithBreaker
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob

MAX_REMEMBERED_JOBS = 10_000
"""Jobs whose highest counts are kept, about 200 bytes each."""


class HighWater:
    """Remembers the highest counts that were shown, so that a lost board does not make a job go backwards.

    Keeps the `size` jobs that were shown last.
    """

    def __init__(self, size: int = MAX_REMEMBERED_JOBS) -> None:
        self._size = size
        self._seen: OrderedDict[tuple[str, int], Counts] = OrderedDict()

    def raise_to_highest(self, job: ImageJob, counts: Counts) -> Counts:
        """Return the higher of these counts and those shown before in this attempt of the job."""
        key = (job.uid, states.attempt(job.status))
        highest = max(counts, self._seen.pop(key, counts), key=lambda each: each.done)
        self._seen[key] = highest
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return highest


class LiveCounts:
    """Finds counts: in the status and, while a job runs, on the board, whichever is higher.

    Used by every resource that shows a job's progress; lives as long as the app.
    """

    def __init__(self, board: BoardWithBreaker) -> None:
        self._board = board
        self._high_water = HighWater()

    async def get(self, job: ImageJob) -> Counts:
        """Return a job's counts, which never decrease within an attempt."""
        return self._merge(job, await self._board.counts(job.uid) if _is_live(job) else None)

    async def get_many(self, jobs: Sequence[ImageJob]) -> list[Counts]:
        """Return the counts of several jobs, with one call of the board."""
        running = [job.uid for job in jobs if _is_live(job)]
        live = dict(zip(running, await self._board.all_counts(running), strict=True)) if running else {}
        return [self._merge(job, live.get(job.uid)) for job in jobs]

    def _merge(self, job: ImageJob, live: Counts | None) -> Counts:
        if retry_requested(job):
            return replace(job.status.counts, failed=0)
        if job.status.state.final:
            return job.status.counts
        known = [job.status.counts, *([live] if live else [])]
        return self._high_water.raise_to_highest(job, max(known, key=lambda each: each.done))


def _is_live(job: ImageJob) -> bool:
    return not job.status.state.final
