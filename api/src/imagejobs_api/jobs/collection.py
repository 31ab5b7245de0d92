"""`/api/jobs`: lists the jobs, newest first, in pages, and makes new ones.

Pages come from the process's own index; from the store while the index has not synced, and for namespaces
that it does not cover.
"""

import re
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http import paging
from imagejobs_api.http.connection import Request
from imagejobs_api.listing.index import Index, SortKey
from imagejobs_api.listing.reflector import Reflector
from imagejobs_api.submit.job_intake import JobIntake
from imagejobs_api.submit.preferred_wait import PreferredWait
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
"""A sort key of the index, which is the same in every process. Cursors of the stores begin with a digit."""


class JobsBody(TypedDict):
    """A page of jobs.

    Attributes:
        next_cursor: The `cursor` of the next page; null on the last.
    """

    jobs: list[JobSummaryBody]
    next_cursor: str | None


class JobList:
    """Lists the jobs of a caller, and makes new ones by `NewJobs`."""

    def __init__(
        self,
        store: JobStore,
        index: Index,
        reflector: Reflector,
        counts: LiveCounts,
        links: Links,
        wait: PreferredWait,
        intake: JobIntake,
    ) -> None:
        self._store = store
        self._index = index
        self._reflector = reflector
        self._counts = counts
        self._links = links
        self._wait = wait
        self._intake = intake

    async def on_post(self, req: Request, resp: Response) -> None:
        """Make a job; answer 200 with it if it ended while the caller waited, however it ended, else 202."""
        with self._wait.watching(req) as pending:
            created = await self._intake.accept(req, pending.key, repeatable=pending.repeatable)
            job = await pending.wait(req, resp, created)
        resp.media = job_body.summary_body(job, await self._counts.get(job), pending.base, self._links)

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with a page of jobs and, if there is one, a link to the next page."""
        reader = paging.query_reader(req.params, ("state", "limit", "cursor"))
        state, limit, cursor = read_page(reader)
        reader.check()
        base = self._links.base_url(req)
        page = await self._read_page(req.caller, state, limit, cursor)
        body: JobsBody = {
            "jobs": [
                job_body.summary_body(job, counts, base, self._links)
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
        after = parse_cursor(cursor)
        if not self._reflector.covers(caller.namespace):
            if after is not None:
                raise Unavailable("the list of jobs is being read anew", retry_after_seconds=1)
            return await self._list(caller, state, limit, cursor)
        if cursor and after is None:
            return await self._list(caller, state, limit, cursor)
        page = self._index.page(caller.namespace, caller.name, state, limit, after)
        return Page(page.jobs, format_cursor(page.after))

    async def _list(self, caller: Caller, state: State | None, limit: int, cursor: str) -> Page:
        """Return a page as the store has it, without the samples: it may be short."""
        page = await self._store.list(caller.namespace, state, limit, cursor, caller=caller.name or None)
        return Page(tuple(job for job in page.jobs if not job.is_sample), page.cursor)


def read_page(reader: Reader) -> tuple[State | None, int, str]:
    """Return the state to list, the jobs of a page, and the cursor after which it begins."""
    limit = reader.integer("limit", 1, MAX_LIMIT, DEFAULT_LIMIT) or DEFAULT_LIMIT
    return reader.choice("state", State), limit, reader.text("cursor", MAX_CURSOR_CHARACTERS) or ""


def parse_cursor(cursor: str) -> SortKey | None:
    """Return the sort key in a cursor of the index; None for a cursor of a store, or none."""
    match = _INDEX_CURSOR.fullmatch(cursor)
    return (int(match[1]), match[2]) if match else None


def format_cursor(after: SortKey | None) -> str:
    """Return the cursor of the jobs after this one; "" at the end."""
    return f"n{after[0]}.{after[1]}" if after else ""
