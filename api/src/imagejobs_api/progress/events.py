"""`GET /api/progress/{id}/events`: the progress of a job, a batch or one image as it changes, until it has ended."""

import asyncio
from collections.abc import AsyncIterator

from falcon.asgi import Response

from imagejobs_api.admission.stream_limits import OpenStreams
from imagejobs_api.http.connection import Request, until_disconnected
from imagejobs_api.http.errors import Problem, error_body
from imagejobs_api.progress import sse
from imagejobs_api.progress.sse import EventId
from imagejobs_api.progress.watchers import JobWatchers, WatchedJob
from imagejobs_api.view.lookup import JobOrImage, find
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault
from imagejobs_contract.ports import JobStore

CONTENT_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
LAST_EVENT_ID = "Last-Event-ID"


class Events:
    """Streams progress."""

    def __init__(self, store: JobStore, watchers: JobWatchers, streams: OpenStreams) -> None:
        self._store = store
        self._watchers = watchers
        self._streams = streams

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with a stream of events; with 204, which tells browsers to stay away, whoever knows the end already."""
        found = await find(self._store, req.caller, identifier)
        resp.context.job_id = found.job.key.name
        known = _last_event_id(req, found)
        resp.set_header("Cache-Control", "no-store, no-transform")
        if known and known.state.final and not await self._has_news(found, known):
            resp.status = 204
            return
        caller = req.caller.name
        self._streams.check(caller)
        resp.content_type = CONTENT_TYPE
        resp.set_header("X-Accel-Buffering", "no")  # nginx then passes each event on at once
        resp.stream = self._stream(req, found, known, caller)

    async def _has_news(self, found: JobOrImage, known: EventId) -> bool:
        moment = await self._watchers.read(found.job, () if found.index is None else [found.index])
        told = moment.event(found.index)
        return told is not None and told[0].is_news_after(known)

    async def _stream(
        self, req: Request, found: JobOrImage, known: EventId | None, caller: str
    ) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        teller = SseStream(found.index, known, time())
        with self._streams.counted(caller), self._watchers.watch(found.job.key, found.index) as follower:
            gone = asyncio.ensure_future(until_disconnected(req.receive))
            gone.add_done_callback(lambda _: follower.changed.set())
            try:
                yield sse.OPENING
                while not (teller.ended or gone.done() or self._watchers.closing):
                    await follower.wait(teller.seconds_to_heartbeat(time()))
                    if piece := teller.next_chunk(follower.watched, time()):
                        yield piece
            finally:
                gone.cancel()


class SseStream:
    """Chooses what one client is told next.

    Attributes:
        ended: There will be nothing more.
    """

    def __init__(self, index: int | None, known: EventId | None, now: float) -> None:
        self._index = index
        self._known = known
        self._sent_at = now
        self.ended = False

    def seconds_to_heartbeat(self, now: float) -> float:
        """Return in how many seconds something must be sent."""
        return max(0.0, self._sent_at + HEARTBEAT_SECONDS - now)

    def next_chunk(self, feed: WatchedJob, now: float) -> bytes:
        """Return what is to be sent now; b"" if there is nothing."""
        text = self._next_event(feed) or (b"" if self.seconds_to_heartbeat(now) else sse.HEARTBEAT)
        if text:
            self._sent_at = now
        return text

    def _next_event(self, feed: WatchedJob) -> bytes:
        if feed.is_deleted:
            self.ended = True
            return sse.format_gone(error_body(Code.NOT_FOUND))
        told = feed.snapshot.event(self._index) if feed.snapshot else None
        if told is None or not told[0].is_news_after(self._known):
            return b""
        self._known, self.ended = told[0], told[0].state.final
        return told[1]


def _last_event_id(req: Request, found: JobOrImage) -> EventId | None:
    header = req.get_header(LAST_EVENT_ID)
    if not header:
        return None
    place = sse.parse_event_id(header)
    if place is None or place.identifier != found.id:
        fault = Fault(LAST_EVENT_ID, f"is not the id of an event of {found.id}")
        raise Problem(Code.INVALID_OPTIONS, str(fault), faults=[fault], job_id=found.job.key.name)
    return place
