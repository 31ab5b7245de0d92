"""`GET /api/jobs`: the jobs, newest first, in pages."""

from falcon.asgi import Response

from imagejobs_api import jobbody, paging
from imagejobs_api.connection import Request
from imagejobs_api.links import Links
from imagejobs_api.progress import LiveCounts
from imagejobs_contract.ports import JobStore
from imagejobs_contract.status import State

MOST, DEFAULT = 100, 20
MAX_CURSOR = 4100
"""Characters; the Kubernetes API's own tokens are the longest."""


class JobList:
    """Lists jobs. The order across pages is the store's: SQLite's is strict, the Kubernetes API sorts each page only."""

    def __init__(self, store: JobStore, counts: LiveCounts, signer: Links) -> None:
        self._store = store
        self._counts = counts
        self._links = signer

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with a page of jobs, and a link to the next page if there is one."""
        reader = paging.query_reader(req.params, ("state", "limit", "cursor"))
        state = reader.choice("state", State)
        limit = reader.integer("limit", 1, MOST, DEFAULT) or DEFAULT
        cursor = reader.text("cursor", MAX_CURSOR) or ""
        reader.check()
        base = self._links.base(req)
        page = await self._store.list(req.caller.namespace, state, limit, cursor, caller=req.caller.name or None)
        resp.media = {
            "jobs": [jobbody.summary(job, await self._counts.of(job), base) for job in page.jobs],
            "next_cursor": page.cursor or None,
        }
        resp.set_header("Cache-Control", "no-store")
        if page.cursor:
            paging.link_next(resp, f"{base}/api/jobs", {"state": state, "limit": limit, "cursor": page.cursor})

    on_head = on_get
