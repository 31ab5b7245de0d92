"""`GET /api/progress/{id}`: how far a job, a batch or one image of it is."""

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.lookup import JobOrImage, find
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_api.view.progress_body import ProgressBody, item_progress, job_progress
from imagejobs_contract.ports import JobStore


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

    async def _body(self, found: JobOrImage) -> ProgressBody:
        if found.index is None:
            return job_progress(found, await self._counts.get(found.job))
        return item_progress(found, await self._outcomes.get(found.job, found.index))
