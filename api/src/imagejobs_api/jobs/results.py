"""`GET /api/jobs/{id}/results`: the result of each image, with links signed for this request.

Also while the job runs.
In pages, or as one stream of lines, for which the outcomes of one shard are in memory at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TypedDict

import falcon
from falcon.asgi import Response

from imagejobs_api.http import json_io, paging
from imagejobs_api.http.connection import Request, is_gone, until_disconnected
from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.view import api_urls, outcomes, states
from imagejobs_api.view.links import Links
from imagejobs_api.view.lookup import find_job
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_api.view.output_body import ResultOutputBody, output_body
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.json_types import Count

MAX_LIMIT, DEFAULT_LIMIT = 1000, 100
NDJSON = "application/x-ndjson"
CHUNK_LINES = 100
"""Lines that are made before other requests get a turn; signing a link takes 0.2 ms."""


class ResultBody(TypedDict):
    """The result of one image.

    Attributes:
        job_id: The job's id, a hyphen and the number of the image, from 0.
        bytes_in: Size of the source; null before the image has finished.
        outputs: One for each variant; none before the image has finished.
    """

    job_id: str
    name: str
    state: State
    bytes_in: Count | None
    outputs: list[ResultOutputBody]
    error: ErrorBody | None


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
        """Answer with a page of results, or with all of them as JSON lines if `Accept` prefers that."""
        job = await find_job(self._store, req.caller, identifier)
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
        if req.client_prefers((falcon.MEDIA_JSON, NDJSON)) == NDJSON:
            paging.query_reader(req.params, ()).check()
            resp.content_type = NDJSON
            resp.stream = self._stream_lines(req, job, links)
        else:
            await self._respond_page(req, resp, job, links, address)
        resp.set_header("Vary", "Accept")

    async def _respond_page(
        self, req: Request, resp: Response, job: ImageJob, links: Links, address: str
    ) -> None:
        reader = paging.query_reader(req.params, ("limit", "cursor"))
        limit, first = read_page(reader)
        reader.check()
        span = range(first, min(first + limit, job.spec.total))
        found = await self._outcomes.get_range(job, span)
        more = str(span.stop) if span.stop < job.spec.total else None
        body: ResultsBody = {
            "job_id": job.key.name,
            "state": states.job_state(job),
            "total": job.spec.total,
            "results": await asyncio.to_thread(_bodies, job, found, span, links),
            "next_cursor": more,
        }
        resp.media = body
        if more:
            paging.link_next(resp, address, {"limit": limit, "cursor": more})

    async def _stream_lines(self, req: Request, job: ImageJob, links: Links) -> AsyncIterator[bytes]:
        gone = asyncio.ensure_future(until_disconnected(req.receive))
        try:
            for span in outcomes.spans(job):
                found = await self._outcomes.get_range(job, span)
                for start in range(span.start, span.stop, CHUNK_LINES):
                    if is_gone(gone):
                        return
                    part = range(start, min(start + CHUNK_LINES, span.stop))
                    bodies = await asyncio.to_thread(_bodies, job, found, part, links)
                    yield "".join(map(json_io.dumps, bodies)).encode()
        finally:
            gone.cancel()


def read_page(reader: Reader) -> tuple[int, int]:
    """Return the results of a page, and the number of its first image."""
    limit = reader.integer("limit", 1, MAX_LIMIT, DEFAULT_LIMIT) or DEFAULT_LIMIT
    return limit, reader.integer("cursor", 0, limits.MAX_MANIFEST_ITEMS, 0) or 0


def result_body(job: ImageJob, index: int, outcome: Outcome | None, links: Links) -> ResultBody:
    """Return the result of one image; before it has finished it has a state and no outputs."""
    name = (outcome.name if outcome else "") or job.item_name(index)
    return {
        "job_id": names.sub_job_id(job.key.name, index),
        "name": name,
        "state": states.item_state(job, outcome),
        "bytes_in": outcome.bytes_in if outcome else None,
        "outputs": [output_body(name, index, each, links) for each in (outcome.outputs if outcome else ())],
        "error": states.item_error(job, outcome),
    }


def _bodies(job: ImageJob, found: Mapping[int, Outcome], span: range, links: Links) -> list[ResultBody]:
    return [result_body(job, index, found.get(index), links) for index in span]
