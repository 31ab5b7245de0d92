"""One image from source to outcome, in two halves: render (fetch, decode, encode in a child), then store.

They are apart so that pool and shard can overlap them: while one image is rendered, the next is fetched and
the last one stored. Every failure of an image ends as its outcome; only failures of the worker itself
(`Misconfigured`, `OwnershipLost`, cancellation) are raised.
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
from imagejobs_worker.image import source_names
from imagejobs_worker.image.fetch import Fetcher, ReleasableSlot
from imagejobs_worker.image.retry import RetryPolicy, retry
from imagejobs_worker.image.sources import Source
from imagejobs_worker.image.store import OutputStore, Ownership, OwnershipLost
from imagejobs_worker.imaging.picture import Picture, Rendering
from imagejobs_worker.instruments import NO_INSTRUMENTS, Instruments, Step, time_step

T = TypeVar("T")
log = logging.getLogger(__name__)


class Renderer(Protocol):
    """Makes pictures of a source; `decoder.Decoder` is one."""

    async def render(self, source: bytes, variants: Sequence[Variant], owner: str = "") -> Rendering:
        """Return a picture per variant, in their order.

        Raises:
            ImageFailed: The source cannot become them.
        """
        ...


class RenderedImage(NamedTuple):
    """An image between the halves.

    Attributes:
        name: The item's, or one that its source told.
    """

    name: str
    bytes_in: int
    pictures: tuple[tuple[Variant, Picture], ...]
    cpu_milliseconds: int = 0


class ImageWork:
    """Processes images, at most one per renderer at a time; more wait for a free one.

    `Pool` and `ShardRun` call `render`, then `store`, within `span_for`. It lives as long as the program and
    keeps nothing of an image.

    Args:
        fetch: Fetches the source.
        store: Stores the results.
        renderers: Each takes one image at a time.
        retry_policy: Waits between tries.
        instruments: Records the time of steps, and how images end.
        traces: The same, per image.
    """

    def __init__(
        self,
        fetch: Fetcher,
        store: OutputStore,
        renderers: Iterable[Renderer],
        retry_policy: RetryPolicy,
        instruments: Instruments = NO_INSTRUMENTS,
        traces: Tracer = NOOP_TRACER,
    ) -> None:
        self._fetch = fetch
        self._store = store
        self._retry_policy = retry_policy
        self._instruments = instruments
        self._traces = traces
        self._free_renderers: asyncio.Queue[Renderer] = asyncio.Queue()
        for renderer in renderers:
            self._free_renderers.put_nowait(renderer)

    def span_for(self, task: Task) -> AbstractContextManager[Span]:
        """Return the tracing span of an image, to be open during both halves."""
        facts: Facts = {
            "imagejobs.job_id": task.key.name,
            "imagejobs.image": task.index,
            "imagejobs.attempt": task.attempt,
            "imagejobs.variants": len(task.variants),
        }
        return self._traces.span("image", facts, parent=task.origin.traceparent or None, kind=Kind.CONSUMER)

    async def render(self, task: Task, slot: ReleasableSlot) -> RenderedImage | Outcome:
        """Do the first half; return an outcome if the image failed in it.

        Args:
            task: The image.
            slot: Its slot among those in hand, see `Fetcher.fetch`.
        """
        rendered = await _failure_as_outcome(task, self._try_render(task, slot))
        if isinstance(rendered, Outcome):
            self._record(rendered)
        return rendered

    async def store(self, task: Task, rendered: RenderedImage, ownership: Ownership) -> Outcome:
        """Do the second half.

        Args:
            task: The image.
            rendered: Its pictures.
            ownership: Whether the task is still ours.

        Raises:
            OwnershipLost: It is no longer ours.
        """
        outcome = await _failure_as_outcome(task, self._try_store(task, rendered, ownership))
        self._record(outcome)
        return outcome

    def _record(self, outcome: Outcome) -> None:
        self._instruments.record_image(outcome)
        span = current_span()
        span.set(
            {
                "imagejobs.bytes_in": outcome.bytes_in or 0,
                "imagejobs.bytes_out": sum(output.bytes for output in outcome.outputs),
            }
        )
        if outcome.code:
            span.fail(outcome.code.value)

    async def _try_render(self, task: Task, slot: ReleasableSlot) -> RenderedImage:
        source = await retry(lambda: self._fetch_source(task, slot), task.attempts, self._retry_policy)
        rendering = await retry(
            lambda: self._render_source(task, source.data), task.attempts, self._retry_policy
        )
        pictures = tuple(zip(task.variants, rendering.pictures, strict=True))
        name = source_names.choose(task.item, source.disposition)
        return RenderedImage(name, len(source.data), pictures, _to_milliseconds(rendering.cpu_micros))

    async def _fetch_source(self, task: Task, slot: ReleasableSlot) -> Source:
        with (
            time_step(self._instruments, Step.FETCH),
            self._traces.span(Step.FETCH, {"imagejobs.source": "url" if task.item.url else "s3"}),
        ):
            return await self._fetch.fetch(task.item, slot, task.caller)

    async def _render_source(self, task: Task, source: bytes) -> Rendering:
        renderer = await self._free_renderers.get()
        try:
            with (
                time_step(self._instruments, Step.RENDER),
                self._traces.span(Step.RENDER, {"imagejobs.bytes_in": len(source)}) as span,
            ):
                rendering = await renderer.render(source, task.variants, owner=task.owner)
                span.set({"imagejobs.decode_seconds": rendering.decode_micros / 1e6})
                return rendering
        finally:
            self._free_renderers.put_nowait(renderer)

    async def _try_store(self, task: Task, rendered: RenderedImage, ownership: Ownership) -> Outcome:
        async def put(variant: Variant, picture: Picture) -> OutputFile:
            facts = {
                "imagejobs.variant": variant.name,
                "imagejobs.format": picture.format.value,
                "imagejobs.bytes_out": len(picture.data),
            }
            with time_step(self._instruments, Step.STORE), self._traces.span(Step.STORE, facts):
                return await retry(
                    lambda: self._store.put_output(task, variant, picture, rendered.bytes_in, ownership),
                    task.attempts,
                    self._retry_policy,
                )

        # All uploads end before the first error is raised: none may go on after the task was given up.
        ends = await asyncio.gather(*(put(*each) for each in rendered.pictures), return_exceptions=True)
        outputs = [_raise_if_error(end) for end in ends]
        return success_outcome(task, rendered, outputs)


def success_outcome(task: Task, rendered: RenderedImage, outputs: Sequence[OutputFile]) -> Outcome:
    """Return the outcome of an image whose results are stored."""
    return Outcome(
        task.index,
        rendered.name,
        task.attempt,
        outputs=tuple(outputs),
        bytes_in=rendered.bytes_in,
        cpu_milliseconds=rendered.cpu_milliseconds,
    )


def failure_outcome(task: Task, code: Code, message: str, cpu_milliseconds: int = 0) -> Outcome:
    """Return the outcome of an image that has no result."""
    return Outcome(task.index, task.item.name, task.attempt, code, message, cpu_milliseconds=cpu_milliseconds)


async def _failure_as_outcome(task: Task, half: Coroutine[Any, Any, T]) -> T | Outcome:
    """Await a half; turn every failure of the image into its outcome."""
    try:
        return await half
    except (Misconfigured, OwnershipLost):
        raise
    except ImageFailed as ex:
        return failure_outcome(task, ex.code, ex.message, _to_milliseconds(ex.cpu_micros))
    except Exception as ex:
        log.exception("image failed unexpectedly", extra=task.log_facts())
        return failure_outcome(task, Code.INTERNAL_ERROR, f"unexpected: {type(ex).__name__}")


def _to_milliseconds(micros: int) -> int:
    return (micros + 500) // 1000


def _raise_if_error(end: OutputFile | BaseException) -> OutputFile:
    if isinstance(end, BaseException):
        raise end
    return end
