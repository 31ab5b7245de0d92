"""`GET /api/progress/{id}`: the progress of a job, a batch or one image of it."""

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.lookup import JobOrImage, find_readable
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_api.view.progress_body import ProgressBody, item_progress, job_progress
from imagejobs_contract.ports import JobStore


class Progress:
    """Answers with the progress of a job or of one of its images."""

    def __init__(self, store: JobStore, counts: LiveCounts, outcomes: Outcomes) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with the progress."""
        target = await find_readable(self._store, req.caller, identifier)
        resp.context.job_id = target.job.key.name
        resp.media = await self._body(target)
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get

    async def _body(self, target: JobOrImage) -> ProgressBody:
        if target.index is None:
            return job_progress(target, await self._counts.get(target.job))
        return item_progress(target, await self._outcomes.get(target.job, target.index))
