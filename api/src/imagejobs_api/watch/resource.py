"""`GET /watch/{ticket}` and what is below it: the calls that read a job, for whoever has its watch link.

The ticket names the job, and nothing in the request can name another. Answers are those of the calls with a
key: this module only finds the job, and gives up at the second at which the ticket expires.
"""

import re
from typing import Any

from falcon.asgi import Response

from imagejobs_api.archive.resource import Archives, read_range
from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.jobs.downloads import Downloads
from imagejobs_api.jobs.results import Results
from imagejobs_api.page.resource import PageView
from imagejobs_api.progress.events import Events
from imagejobs_api.view import api_urls
from imagejobs_api.view.links import Links
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.lookup import JobOrImage, find_watched
from imagejobs_api.view.watch_tickets import Ticket, WatchTickets
from imagejobs_api.watch.body import watch_body
from imagejobs_contract.codes import Code
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.ports import JobStore

PATH = "/watch/{ticket}"

_INDEX = re.compile("[0-9]{1,9}", re.ASCII)


class Watch:
    """Shows one job by its watch link."""

    def __init__(
        self,
        tickets: WatchTickets,
        store: JobStore,
        counts: LiveCounts,
        links: Links,
        events: Events,
        results: Results,
        archives: Archives,
        downloads: Downloads,
        page: PageView,
        namespace: str,
    ) -> None:
        self._tickets = tickets
        self._store = store
        self._counts = counts
        self._links = links
        self._events = events
        self._results = results
        self._archives = archives
        self._downloads = downloads
        self._page = page
        self._namespace = namespace

    def identify(self, req: Request, params: dict[str, Any]) -> Caller:
        """Return the one who watches, with a name by which each link has its own share of the limits.

        `Authentication` calls this instead of looking for an API key.

        Raises:
            Problem: The ticket opens nothing, or has expired.
        """
        if req.uri_template == PATH and self._page.is_wanted(req):
            # The page says in words what is wrong with its link: it asks for the job in a request of its own.
            return Caller(self._namespace, CallerName("watch:page"), may_write=False)
        ticket = self._tickets.read(params["ticket"])
        req.context.ticket = ticket
        return Caller(ticket.key.namespace, CallerName(f"watch:{ticket.key.name}"), may_write=False)

    async def on_get(self, req: Request, resp: Response, ticket: str) -> None:
        """Answer with the job; with the page if a browser asks for one."""
        resp.append_header("Vary", "Accept")
        if self._page.is_wanted(req):
            await self._page.on_get(req, resp)
            return
        job = await self._find(req, resp)
        body = watch_body(job, await self._counts.get(job), _ticket(req), self._address(req, ticket))
        resp.media = body
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get

    async def on_get_events(self, req: Request, resp: Response, ticket: str) -> None:
        """Answer with a stream of the job's progress, until its end or the link's."""
        job = await self._find(req, resp)
        await self._events.respond(req, resp, JobOrImage(job), self._tickets.remaining_seconds(_ticket(req)))

    async def on_get_results(self, req: Request, resp: Response, ticket: str) -> None:
        """Answer with a page of results, whose own links end when this one does."""
        job = await self._find(req, resp)
        address = f"{self._address(req, ticket)}/results"
        await self._results.respond(req, resp, job, self._short_links(req), address)

    on_head_results = on_get_results

    async def on_get_archive(self, req: Request, resp: Response, ticket: str) -> None:
        """Answer with all results as a zip."""
        await self._archives.respond(req, resp, await self._find(req, resp), read_range)

    on_head_archive = on_get_archive

    async def on_get_download(self, req: Request, resp: Response, ticket: str, index: str) -> None:
        """Redirect to the result of one image, by its number from 0."""
        job = await self._find(req, resp)
        if not _INDEX.fullmatch(index) or int(index) >= job.spec.total:
            raise Problem(Code.NOT_FOUND, job_id=job.key.name)
        links = self._short_links(req)
        await self._downloads.redirect(req, resp, JobOrImage(job, int(index)), int(index), links)

    on_head_download = on_get_download

    async def _find(self, req: Request, resp: Response) -> ImageJob:
        job = await find_watched(self._store, _ticket(req))
        resp.context.job_id = job.key.name
        return job

    def _address(self, req: Request, ticket: str) -> str:
        return api_urls.watch(self._links.base_url(req), ticket)

    def _short_links(self, req: Request) -> Links:
        return self._links.shortened(int(self._tickets.remaining_seconds(_ticket(req))))


def _ticket(req: Request) -> Ticket:
    ticket: Ticket = req.context.ticket
    return ticket
