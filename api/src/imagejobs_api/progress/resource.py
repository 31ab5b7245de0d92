"""`GET /api/progress/{id}`: how far a job, a batch or one image of it is."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.view import states
from imagejobs_api.view.live_board import LiveBoard
from imagejobs_api.view.lookup import Found, find
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore
from imagejobs_contract.wire.json_types import Count, Percent

REMEMBERED = 10_000
"""Jobs whose highest counts are kept, about 200 bytes each."""


class ProgressBody(TypedDict):
    """How far a job, a batch or one image of it is.

    Attributes:
        progress: Percent; 100 only when it has ended.
        total: Images in all.
        done: Images that have their result.
        failed: Images that have an error.
        error: Why a job, or the image, failed as a whole.
    """

    job_id: str
    state: State
    progress: Percent
    total: Count
    done: Count
    failed: Count
    error: ErrorBody | None


class HighWater:
    """Remembers the highest counts that were told, so that a lost board does not make a job go backwards.

    Bounded.
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._seen: OrderedDict[tuple[str, int], Counts] = OrderedDict()

    def raised(self, job: ImageJob, counts: Counts) -> Counts:
        """Return the higher of these counts and those told before in this attempt of the job."""
        key = (job.uid, states.attempt(job.status))
        highest = max(counts, self._seen.pop(key, counts), key=lambda each: each.done)
        self._seen[key] = highest
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return highest


class LiveCounts:
    """Tells counts from the status and, while a job runs, from the board."""

    def __init__(self, board: LiveBoard) -> None:
        self._board = board
        self._high_water = HighWater()

    async def of(self, job: ImageJob) -> Counts:
        """Return a job's counts, which never go back within an attempt."""
        return self._told(job, await self._board.counts(job.uid) if _is_live(job) else None)

    async def each(self, jobs: Sequence[ImageJob]) -> list[Counts]:
        """Return the counts of several jobs, for which the board is asked once."""
        running = [job.uid for job in jobs if _is_live(job)]
        live = dict(zip(running, await self._board.all_counts(running), strict=True)) if running else {}
        return [self._told(job, live.get(job.uid)) for job in jobs]

    def _told(self, job: ImageJob, live: Counts | None) -> Counts:
        if retry_requested(job):
            return replace(job.status.counts, failed=0)
        if job.status.state.final:
            return job.status.counts
        known = [job.status.counts, *([live] if live else [])]
        return self._high_water.raised(job, max(known, key=lambda each: each.done))


def _is_live(job: ImageJob) -> bool:
    return not job.status.state.final


class Progress:
    """Tells how far a job or one of its images is."""

    def __init__(self, store: JobStore, counts: LiveCounts, outcomes: Outcomes) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with the progress."""
        found = await find(self._store, req.caller, identifier)
        resp.context.job_id = found.job.key.name
        resp.media = await self._body(found)
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get

    async def _body(self, found: Found) -> ProgressBody:
        if found.index is None:
            return job_body(found, await self._counts.of(found.job))
        return item_body(found, await self._outcomes.one(found.job, found.index))


def job_body(found: Found, counts: Counts) -> ProgressBody:
    """Return the progress of a whole job.

    `done` counts the images that have their result, as kubectl's column does.
    """
    state = states.job_state(found.job)
    return {
        "job_id": found.id,
        "state": state,
        "progress": counts.percent if state.final else min(counts.percent, 99),
        "total": found.job.spec.total,
        "done": counts.succeeded,
        "failed": counts.failed,
        "error": states.job_error(found.job),
    }


def item_body(found: Found, outcome: Outcome | None) -> ProgressBody:
    """Return the progress of one image of a job, in the same shape."""
    state = states.item_state(found.job, outcome)
    return {
        "job_id": found.id,
        "state": state,
        "progress": 100 if state.final else 0,
        "total": 1,
        "done": int(outcome is not None and outcome.succeeded),
        "failed": int(state == State.FAILED),
        "error": states.item_error(found.job, outcome),
    }
