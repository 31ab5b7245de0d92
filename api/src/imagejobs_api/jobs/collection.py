"""`/api/jobs`: the jobs, newest first, in pages; new ones are made by `newjobs`.

From the list that the process keeps; from the store while that list is not complete, and for namespaces that
it does not follow.
"""

import re
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http import paging
from imagejobs_api.http.connection import Request
from imagejobs_api.listing.index import Index, SortKey
from imagejobs_api.listing.reflector import Reflector
from imagejobs_api.submit.new_jobs import NewJobs
from imagejobs_api.view import job_body
from imagejobs_api.view.job_body import JobSummaryBody
from imagejobs_api.view.links import Links
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore, Page
from imagejobs_contract.reader import Reader

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
MAX_CURSOR_CHARACTERS = 4100
"""Characters; the Kubernetes API's own tokens are the longest."""

_INDEX_CURSOR = re.compile(r"n([0-9]{1,11})\.([a-z0-9-]{1,63})", re.ASCII)
"""A place in the process's own list, which is the same in every process; the stores' cursors begin with a
digit.
"""


class JobsBody(TypedDict):
    """A page of jobs.

    Attributes:
        next_cursor: The `cursor` of the next page; null on the last.
    """

    jobs: list[JobSummaryBody]
    next_cursor: str | None


class JobList:
    """All jobs of a caller."""

    def __init__(
        self,
        store: JobStore,
        index: Index,
        reflector: Reflector,
        counts: LiveCounts,
        links: Links,
        new: NewJobs,
    ) -> None:
        self._store = store
        self._index = index
        self._reflector = reflector
        self._counts = counts
        self._links = links
        self._new = new

    async def on_post(self, req: Request, resp: Response) -> None:
        """Make a job."""
        await self._new.make(req, resp)

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with a page of jobs, and a link to the next page if there is one."""
        reader = paging.query_reader(req.params, ("state", "limit", "cursor"))
        state, limit, cursor = read_page(reader)
        reader.check()
        base = self._links.base_url(req)
        page = await self._read_page(req.caller, state, limit, cursor)
        body: JobsBody = {
            "jobs": [
                job_body.summary_body(job, counts, base)
                for job, counts in zip(page.jobs, await self._counts.get_many(page.jobs), strict=True)
            ],
            "next_cursor": page.cursor or None,
        }
        resp.media = body
        resp.set_header("Cache-Control", "no-store")
        if page.cursor:
            paging.link_next(
                resp, f"{base}/api/jobs", {"state": state, "limit": limit, "cursor": page.cursor}
            )

    on_head = on_get

    async def _read_page(self, caller: Caller, state: State | None, limit: int, cursor: str) -> Page:
        place = parse_cursor(cursor)
        if not self._reflector.covers(caller.namespace):
            if place is not None:
                raise Unavailable("the list of jobs is being read anew", retry_after_seconds=1)
            return await self._store.list(caller.namespace, state, limit, cursor, caller=caller.name or None)
        if cursor and place is None:
            return await self._store.list(caller.namespace, state, limit, cursor, caller=caller.name or None)
        listed = self._index.page(caller.namespace, caller.name, state, limit, place)
        return Page(listed.jobs, format_cursor(listed.after))


def read_page(reader: Reader) -> tuple[State | None, int, str]:
    """Return which jobs are listed, how many a page has, and after what it begins."""
    limit = reader.integer("limit", 1, MAX_LIMIT, DEFAULT_LIMIT) or DEFAULT_LIMIT
    return reader.choice("state", State), limit, reader.text("cursor", MAX_CURSOR_CHARACTERS) or ""


def parse_cursor(cursor: str) -> SortKey | None:
    """Return the place that a cursor of ours stands for."""
    match = _INDEX_CURSOR.fullmatch(cursor)
    return (int(match[1]), match[2]) if match else None


def format_cursor(place: SortKey | None) -> str:
    """Return the cursor of what comes after a place."""
    return f"n{place[0]}.{place[1]}" if place else ""
