"""`GET /api/jobs/{id}/results`: the result of each image, with links signed for this request.

Also while the job runs.
In pages, or as one stream of lines, for which the outcomes of one shard are in memory at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypedDict

import falcon
from falcon.asgi import Response

from imagejobs_api.http import json_io, paging
from imagejobs_api.http.connection import Request, is_gone, until_disconnected
from imagejobs_api.jobs import csv_lines, pictures, result_filter
from imagejobs_api.jobs.csv_lines import CSV
from imagejobs_api.jobs.pictures import PicturesBody, ResultsAs
from imagejobs_api.jobs.result_body import IndexedOutcome, ResultBody, result_bodies
from imagejobs_api.jobs.result_filter import ResultFilter, read_filter
from imagejobs_api.view import api_urls, outcomes, states
from imagejobs_api.view.links import Links
from imagejobs_api.view.lookup import find_readable_job
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.json_types import Count

MAX_LIMIT, DEFAULT_LIMIT = 1000, 100
NDJSON = "application/x-ndjson"
CHUNK_LINES = 100
"""Lines that are made before other requests get a turn; signing a link takes 0.2 ms."""
MAX_SEARCHED_IMAGES = 50_000
"""Images that are looked at for one page: ten shards of the largest kind, half a second in a thread."""


class ResultsBody(TypedDict):
    """A page of results.

    Attributes:
        total: Images of the job.
        next_cursor: The `cursor` of the next page; null on the last.
    """

    job_id: str
    state: State
    total: Count
    results: list[ResultBody]
    next_cursor: str | None


class Results:
    """Answers with the results of a job's images."""

    def __init__(self, store: JobStore, outcomes: Outcomes, links: Links) -> None:
        self._store = store
        self._outcomes = outcomes
        self._links = links

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with a page of results, or with all as lines of JSON or CSV if `Accept` prefers that."""
        job = await find_readable_job(self._store, req.caller, identifier)
        resp.context.job_id = job.key.name
        address = f"{api_urls.job(self._links.base_url(req), job.key.name)}/results"
        await self.respond(req, resp, job, self._links, address)

    on_head = on_get

    async def respond(self, req: Request, resp: Response, job: ImageJob, links: Links, address: str) -> None:
        """Answer with the results of a job that was found.

        Args:
            address: Where these results are, for the link to the next page.
        """
        resp.set_header("Cache-Control", "no-store")
        if req.params.get("as"):
            await self._respond_pictures(req, resp, job, links, address)
            return
        preferred = req.client_prefers((falcon.MEDIA_JSON, NDJSON, CSV))
        if preferred in (NDJSON, CSV):
            reader = paging.query_reader(req.params, result_filter.FIELDS)
            chosen = read_filter(reader)
            reader.check()
            resp.content_type = preferred
            resp.stream = self._stream(req, job, chosen, links, as_csv=preferred == CSV)
        else:
            await self._respond_page(req, resp, job, links, address)
        if preferred == CSV:
            resp.set_header("Content-Disposition", f'attachment; filename="{job.key.name}.csv"')
        resp.set_header("Vary", "Accept")

    async def _respond_page(
        self, req: Request, resp: Response, job: ImageJob, links: Links, address: str
    ) -> None:
        reader = paging.query_reader(req.params, ("limit", "cursor", *result_filter.FIELDS))
        limit, first = read_page(reader)
        chosen = read_filter(reader)
        reader.check()
        found, after = await self._search(job, chosen, first, limit)
        more = str(after) if after < job.spec.total else None
        body: ResultsBody = {
            "job_id": job.key.name,
            "state": states.job_state(job),
            "total": job.spec.total,
            "results": await asyncio.to_thread(result_bodies, job, found, links),
            "next_cursor": more,
        }
        resp.media = body
        if more:
            paging.link_next(resp, address, {"limit": limit, "cursor": more, **chosen.query})

    async def _respond_pictures(
        self, req: Request, resp: Response, job: ImageJob, links: Links, address: str
    ) -> None:
        reader = paging.query_reader(req.params, ("limit", "cursor", *pictures.FIELDS))
        limit, first = read_page(reader)
        reader.choice("as", ResultsAs)
        options = pictures.read_options(reader)
        reader.check()
        found, after = await self._search(job, ResultFilter(State.SUCCEEDED), first, limit)
        more = str(after) if after < job.spec.total else None
        body: PicturesBody = {
            "job_id": job.key.name,
            "pictures": await asyncio.to_thread(pictures.picture_bodies, job, found, options, links),
            "next_cursor": more,
        }
        resp.media = body
        resp.set_header("Vary", "Accept")
        if more:
            query = {"limit": limit, "cursor": more, "as": ResultsAs.PICTURE, "base": options.base}
            paging.link_next(resp, address, {**query, "sizes": req.params.get("sizes")})

    async def _search(
        self, job: ImageJob, chosen: ResultFilter, first: int, limit: int
    ) -> tuple[list[IndexedOutcome], int]:
        """Return a page of the chosen images from `first` on, and the number at which the next one begins."""
        last = first + (limit if chosen.takes_all else MAX_SEARCHED_IMAGES)
        found: list[IndexedOutcome] = []
        for span in outcomes.spans(job):
            part = range(max(span.start, first), min(span.stop, last))
            known = await self._outcomes.get_range(job, part) if part else {}
            for index in part:
                if chosen.takes(job, known.get(index)):
                    found.append((index, known.get(index)))
                    if len(found) == limit:
                        return found, index + 1
        return found, last

    async def _stream(
        self, req: Request, job: ImageJob, chosen: ResultFilter, links: Links, *, as_csv: bool
    ) -> AsyncIterator[bytes]:
        write: Callable[[list[ResultBody]], str] = csv_lines.result_lines if as_csv else _json_lines
        gone = asyncio.ensure_future(until_disconnected(req.receive))
        try:
            if as_csv:
                yield csv_lines.header_line().encode()
            for span in outcomes.spans(job):
                known = await self._outcomes.get_range(job, span)
                found = [(n, known.get(n)) for n in span if chosen.takes(job, known.get(n))]
                for start in range(0, len(found), CHUNK_LINES):
                    if is_gone(gone):
                        return
                    part = found[start : start + CHUNK_LINES]
                    yield write(await asyncio.to_thread(result_bodies, job, part, links)).encode()
        finally:
            gone.cancel()


def read_page(reader: Reader) -> tuple[int, int]:
    """Return the results of a page, and the number of its first image."""
    limit = reader.integer("limit", 1, MAX_LIMIT, DEFAULT_LIMIT) or DEFAULT_LIMIT
    return limit, reader.integer("cursor", 0, limits.MAX_MANIFEST_ITEMS, 0) or 0


def read_query(reader: Reader) -> None:
    """Read all parameters of a page, for the document."""
    read_page(reader)
    read_filter(reader)
    reader.choice("as", ResultsAs)
    pictures.read_options(reader)


def _json_lines(bodies: list[ResultBody]) -> str:
    return "".join(map(json_io.dumps, bodies))
