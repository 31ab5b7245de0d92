"""`GET /api/progress/{id}/events`: the progress of a job, a batch or one image until its end, as events."""

import asyncio
import math
from collections.abc import AsyncIterator

from falcon.asgi import Response

from imagejobs_api.admission.stream_limits import StreamLimit
from imagejobs_api.http.connection import Request, until_disconnected
from imagejobs_api.http.errors import Problem, error_body
from imagejobs_api.progress import sse
from imagejobs_api.progress.sse import EventId
from imagejobs_api.progress.watchers import JobWatchers, WatchedJob
from imagejobs_api.view.lookup import JobOrImage, find_readable
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault
from imagejobs_contract.ports import JobStore

CONTENT_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
LAST_EVENT_ID = "Last-Event-ID"


class Events:
    """Streams progress, one `SseStream` for each client that `JobWatchers` wakes."""

    def __init__(self, store: JobStore, watchers: JobWatchers, streams: StreamLimit) -> None:
        self._store = store
        self._watchers = watchers
        self._streams = streams

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with a stream of events.

        A client whose `Last-Event-ID` is the last event gets 204, after which browsers do not connect again.
        """
        target = await find_readable(self._store, req.caller, identifier)
        resp.context.job_id = target.job.key.name
        await self.respond(req, resp, target)

    async def respond(
        self, req: Request, resp: Response, target: JobOrImage, seconds: float = math.inf
    ) -> None:
        """Answer with the events of a job or an image that was found.

        Args:
            seconds: How long the stream lasts at most.
        """
        known = _last_event_id(req, target)
        resp.set_header("Cache-Control", "no-store, no-transform")
        if known and known.state.final and not await self._has_news(target, known):
            resp.status = 204
            return
        caller = req.caller.name
        self._streams.check(caller)
        resp.content_type = CONTENT_TYPE
        resp.set_header("X-Accel-Buffering", "no")  # nginx then passes each event on at once
        resp.stream = self._stream(req, target, known, caller, seconds)

    async def _has_news(self, target: JobOrImage, known: EventId) -> bool:
        snapshot = await self._watchers.read(target.job, () if target.index is None else [target.index])
        latest = snapshot.event(target.index)
        return latest is not None and latest[0].is_news_after(known)

    async def _stream(
        self, req: Request, target: JobOrImage, known: EventId | None, caller: str, seconds: float
    ) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        events, end = SseStream(target.index, known, time()), time() + seconds
        with self._streams.counting(caller), self._watchers.watch(target.job.key, target.index) as watcher:
            gone = asyncio.ensure_future(until_disconnected(req.receive))
            gone.add_done_callback(lambda _: watcher.changed.set())
            try:
                yield sse.OPENING
                while not (events.ended or gone.done() or self._watchers.closing or time() >= end):
                    await watcher.wait(min(events.seconds_to_heartbeat(time()), max(0.0, end - time())))
                    if chunk := events.next_chunk(watcher.watched, time()):
                        yield chunk
            finally:
                gone.cancel()


class SseStream:
    """Chooses the next bytes for one client. Pure: the caller passes the time in.

    Attributes:
        ended: No event will follow.
    """

    def __init__(self, index: int | None, known: EventId | None, now: float) -> None:
        self._index = index
        self._known = known
        self._sent_at = now
        self.ended = False

    def seconds_to_heartbeat(self, now: float) -> float:
        """Return the seconds after which something must be sent."""
        return max(0.0, self._sent_at + HEARTBEAT_SECONDS - now)

    def next_chunk(self, watched: WatchedJob, now: float) -> bytes:
        """Return the bytes to send now, or b"" for none."""
        text = self._next_event(watched) or (b"" if self.seconds_to_heartbeat(now) else sse.HEARTBEAT)
        if text:
            self._sent_at = now
        return text

    def _next_event(self, watched: WatchedJob) -> bytes:
        if watched.is_deleted:
            self.ended = True
            return sse.format_gone(error_body(Code.NOT_FOUND))
        latest = watched.snapshot.event(self._index) if watched.snapshot else None
        if latest is None or not latest[0].is_news_after(self._known):
            return b""
        self._known, self.ended = latest[0], latest[0].state.final
        return latest[1]


def _last_event_id(req: Request, target: JobOrImage) -> EventId | None:
    header = req.get_header(LAST_EVENT_ID)
    if not header:
        return None
    event_id = sse.parse_event_id(header)
    if event_id is None or event_id.identifier != target.id:
        fault = Fault(LAST_EVENT_ID, f"is not the id of an event of {target.id}")
        raise Problem(Code.INVALID_OPTIONS, str(fault), faults=[fault], job_id=target.job.key.name)
    return event_id
