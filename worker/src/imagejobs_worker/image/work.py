"""One image from source to outcome, in two halves: render (fetch, and decode to encode in a child), then store.

They are apart so that pool and shard can overlap them: while one image is rendered, the next is fetched and
the last one stored. Whatever happens to an image ends as its outcome; only what concerns the worker itself
(`Misconfigured`, `Disowned`, being cancelled) comes out as an exception.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, Misconfigured
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.runtime.traces import NOOP_TRACER, Facts, Kind, Span, Tracer, current_span
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.image.fetch import Fetch, Turn
from imagejobs_worker.image.retry import Retry, retried
from imagejobs_worker.image.store import Claim, Disowned, Store
from imagejobs_worker.imaging.picture import Picture, Rendering
from imagejobs_worker.instruments import SILENT, Meter, Step, timed

T = TypeVar("T")
log = logging.getLogger(__name__)


class Renderer(Protocol):
    """Makes pictures of a source; the child's door is one."""

    async def render(self, source: bytes, variants: Sequence[Variant], owner: str = "") -> Rendering:
        """Return a picture per variant, in their order.

        Raises:
            ImageFailed: The source cannot become them.
        """
        ...


class Rendered(NamedTuple):
    """An image between the halves."""

    bytes_in: int
    pictures: tuple[tuple[Variant, Picture], ...]


class Work:
    """Does images, as many at once as there are renderers; more wait for a free one.

    Args:
        fetch: Brings the source.
        store: Takes the results.
        renderers: Each takes one image at a time.
        retry: Waits between tries.
        meter: Is told how long the steps take, and how images end.
        traces: The same, image by image.
    """

    def __init__(
        self,
        fetch: Fetch,
        store: Store,
        renderers: Iterable[Renderer],
        retry: Retry,
        meter: Meter = SILENT,
        traces: Tracer = NOOP_TRACER,
    ) -> None:
        self._fetch = fetch
        self._store = store
        self._retry = retry
        self._meter = meter
        self._traces = traces
        self._free: asyncio.Queue[Renderer] = asyncio.Queue()
        for renderer in renderers:
            self._free.put_nowait(renderer)

    def told(self, task: Task) -> AbstractContextManager[Span]:
        """Tell of an image for the length of the block, which has both halves."""
        facts: Facts = {
            "imagejobs.job_id": task.key.name, "imagejobs.image": task.index, "imagejobs.attempt": task.attempt,
            "imagejobs.variants": len(task.variants),
        }  # fmt: skip
        return self._traces.span("image", facts, parent=task.origin.traceparent or None, kind=Kind.CONSUMER)

    async def render(self, task: Task, turn: Turn) -> Rendered | Outcome:
        """Do the first half; an outcome if the image failed in it.

        Args:
            turn: The image's place among those in hand.
        """
        rendered = await _ended(task, self._try_render(task, turn))
        if isinstance(rendered, Outcome):
            self._end(rendered)
        return rendered

    async def store(self, task: Task, rendered: Rendered, claim: Claim) -> Outcome:
        """Do the second half.

        Raises:
            Disowned: The work is no longer ours.
        """
        outcome = await _ended(task, self._try_store(task, rendered, claim))
        self._end(outcome)
        return outcome

    def _end(self, outcome: Outcome) -> None:
        self._meter.ended(outcome)
        span = current_span()
        span.set(
            {
                "imagejobs.bytes_in": outcome.bytes_in or 0,
                "imagejobs.bytes_out": sum(output.bytes for output in outcome.outputs),
            }
        )
        if outcome.code:
            span.fail(outcome.code.value)

    async def _try_render(self, task: Task, turn: Turn) -> Rendered:
        source = await retried(lambda: self._get(task, turn), task.attempts, self._retry)
        rendering = await retried(lambda: self._render(task, source), task.attempts, self._retry)
        return Rendered(len(source), tuple(zip(task.variants, rendering.pictures, strict=True)))

    async def _get(self, task: Task, turn: Turn) -> bytes:
        with (
            timed(self._meter, Step.FETCH),
            self._traces.span(Step.FETCH, {"imagejobs.source": "url" if task.item.url else "s3"}),
        ):
            return await self._fetch.fetch(task.item, turn)

    async def _render(self, task: Task, source: bytes) -> Rendering:
        renderer = await self._free.get()
        try:
            with (
                timed(self._meter, Step.RENDER),
                self._traces.span(Step.RENDER, {"imagejobs.bytes_in": len(source)}) as span,
            ):
                rendering = await renderer.render(source, task.variants, owner=task.owner)
                span.set({"imagejobs.decode_seconds": rendering.decode_micros / 1e6})
                return rendering
        finally:
            self._free.put_nowait(renderer)

    async def _try_store(self, task: Task, rendered: Rendered, claim: Claim) -> Outcome:
        async def put(variant: Variant, picture: Picture) -> OutputFile:
            facts = {
                "imagejobs.variant": variant.name,
                "imagejobs.format": picture.format.value,
                "imagejobs.bytes_out": len(picture.data),
            }
            with timed(self._meter, Step.STORE), self._traces.span(Step.STORE, facts):
                return await retried(
                    lambda: self._store.put_output(task, variant, picture, rendered.bytes_in, claim),
                    task.attempts,
                    self._retry,
                )

        ends = await asyncio.gather(*(put(*each) for each in rendered.pictures), return_exceptions=True)
        return succeeded(task, rendered.bytes_in, [_value(end) for end in ends])


def succeeded(task: Task, bytes_in: int, outputs: Sequence[OutputFile]) -> Outcome:
    """Return the outcome of an image that has its results."""
    return Outcome(task.index, task.item.name, task.attempt, outputs=tuple(outputs), bytes_in=bytes_in)


def failed(task: Task, code: Code, message: str) -> Outcome:
    """Return the outcome of an image that has none."""
    return Outcome(task.index, task.item.name, task.attempt, code, message)


async def _ended(task: Task, half: Coroutine[Any, Any, T]) -> T | Outcome:
    try:
        return await half
    except (Misconfigured, Disowned):
        raise
    except ImageFailed as ex:
        return failed(task, ex.code, ex.message)
    except Exception as ex:
        log.exception("image failed unexpectedly", extra=task.log_facts())
        return failed(task, Code.INTERNAL_ERROR, f"unexpected: {type(ex).__name__}")


def _value(end: OutputFile | BaseException) -> OutputFile:
    if isinstance(end, BaseException):
        raise end
    return end
