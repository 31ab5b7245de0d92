"""The client of the sandbox: one image in, its pictures or an `ImageFailed` out, even if the child dies.

A file that its first bytes rule out is refused here, before it reaches a child. A child is used for one
owner's images until it fails, grows or is worn; then one that was forked ahead takes its place.
"""

import asyncio
import logging
import math
import os
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child import needed_codecs, protocol
from imagejobs_worker.child.child_pool import Child, ChildPool
from imagejobs_worker.child.config import EXIT_NOT_CAGED, SandboxMode, SandboxReport
from imagejobs_worker.child.control import ZygoteLost
from imagejobs_worker.child.protocol import InvalidMessage
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.child.verify import max_answer_bytes, verify
from imagejobs_worker.imaging.file_check import check_file
from imagejobs_worker.imaging.picture import Rendering
from imagejobs_worker.imaging.soundness import strict_jpeg, tiff_pixels
from imagejobs_worker.instruments import NO_INSTRUMENTS, Instruments, Recycle

MAX_IDLE_BYTES = 256 * 2**20
"""Memory that a child may still hold between two images."""
MAX_LIFE_IMAGES = 8
"""Times `image_seconds` after which a child is replaced."""
_CPU_PER_LIFE_SECOND = 3
"""Threads that may use processor time at once: the decoder's, HEIC's, and one for the last image."""
MAX_CRASHES = 20
"""Deaths and wrong answers of its children after which a zygote is replaced. They share its addresses, and an
attacker guesses them byte by byte, at a crash for each wrong guess: Bittau et al. ("Hacking Blind", 2014)
need some thousand.
"""
_NONCE_BYTES = 16
_DYING_SECONDS = 1.0
"""How long a child that closed its socket may take to end by itself; its status then gives the cause."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _ChildUse:
    """A child, the owner whose images it decodes, and their number."""

    child: Child
    owner: str
    images: int = 0
    seconds: float = 0.0


class Decoder:
    """Decodes one image at a time in a sandboxed child; implements `work.Renderer`.

    Owns a `ChildPool` (a zygote and its children), checks each answer by `verify`, and reports replaced
    children to `Instruments`. `wiring` makes one per parallel image, starts it and closes it with the
    program; `ImageWork` calls `render`.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        memory_bytes: int = 2 * 2**30,
        cage: SandboxMode = SandboxMode.BEST,
        recycle_after: int = 500,
        heic: bool = False,
        preload: Collection[str] = needed_codecs.FORMATS,
        render: str = "",
        instruments: Instruments = NO_INSTRUMENTS,
    ) -> None:
        """Prepare; no process is started yet.

        Args:
            limits: Of images; after `image_seconds` the child is killed.
            memory_bytes: Address space of the child.
            cage: The sandbox that the child must have.
            recycle_after: Images after which a child is replaced.
            heic: Whether HEIC is read.
            preload: Codecs that the zygote loads at once; it loads others with the first image that needs
                them.
            render: `module:function` that the child calls in place of the pipeline; for tests.
            instruments: Counts the children that are replaced.
        """
        self._limits = limits
        self._heic = heic
        self._recycle_after = recycle_after
        self._instruments = instruments
        cpu_seconds = math.ceil((MAX_LIFE_IMAGES + 1) * limits.image_seconds) * _CPU_PER_LIFE_SECOND
        self._children = ChildPool(memory_bytes, cpu_seconds, cage, heic, render, preload)
        self._crashes = 0
        self._use: _ChildUse | None = None
        self._large_pngs = 0
        self._unavailable: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()

    @property
    def child_pid(self) -> int | None:
        """The process id of the child that waits for the next image, if there is one."""
        return self._use.child.pid if self._use else None

    async def start(self, spawned: Spawned | None = None) -> None:
        """Start the zygote, or use one that was spawned before; return before it is ready.

        The first image waits for it.
        """
        self._children.start(spawned)

    async def sandbox_report(self) -> SandboxReport:
        """Return the layers that were seen to hold; none, if the zygote ended before its report."""
        try:
            return await self._children.sandbox_report()
        except ZygoteLost as ex:
            _log.warning("zygote lost", extra={"reason": str(ex)})
            return SandboxReport()

    async def close(self) -> None:
        """End the child and the zygote."""
        async with self._turn:
            if self._use:
                self._use.child.close()
                self._use = None
            await self._children.close()

    async def render(self, source: bytes, variants: Sequence[Variant], owner: str = "") -> Rendering:
        """Make all variants of one image in the child.

        Args:
            source: The file.
            variants: The pictures to make of it.
            owner: The owner of the image; no child sees images of two owners.

        Raises:
            ImageFailed: With the code of the failure. A cancelled call kills the child.
        """
        needed = self._codecs_needed(check_file(source, self._limits, heic=self._heic), source, variants)
        async with self._turn:
            use = await self._child_for(owner, needed)
            if use.child.warden:
                use.child.warden.begin_image()
            begin = time.monotonic()
            rendering = await self._exchange_verified(use.child, source, variants)
            use.images += 1
            use.seconds += time.monotonic() - begin
            if self._is_worn(use):
                self._retire(Recycle.WORN)
            return rendering

    def _is_worn(self, use: _ChildUse) -> bool:
        return (
            use.images >= self._recycle_after
            or use.seconds > MAX_LIFE_IMAGES * self._limits.image_seconds
            or use.child.resident_bytes() > MAX_IDLE_BYTES
        )

    def _codecs_needed(self, form: str, source: bytes, variants: Sequence[Variant]) -> frozenset[str]:
        """Return the codecs that a child needs for a file."""
        needed = needed_codecs.find(form, variants)
        if form == "png" and len(source) >= needed_codecs.LARGE_PNG_BYTES:
            self._large_pngs += 1
            if self._large_pngs >= needed_codecs.LARGE_PNG_FILES:
                needed |= {needed_codecs.LARGE_PNGS}
        elif (form == "jpeg" and strict_jpeg.is_wanted(source)) or (
            form == "tiff" and tiff_pixels.has_jpeg(source)
        ):
            needed |= {needed_codecs.STRICT_JPEGS}
        return needed - self._unavailable

    async def _child_for(self, owner: str, needed: frozenset[str]) -> _ChildUse:
        if self._use and not self._use.child.is_idle():
            self._retire(Recycle.FAILURE)
        if self._use and self._use.owner != owner:
            self._retire(Recycle.OWNER)
        if self._use and needed - self._children.loaded:
            self._retire(Recycle.CODEC)
        if self._use is None:
            self._use = _ChildUse(await self._fork(needed), owner)
        return self._use

    async def _fork(self, needed: frozenset[str]) -> Child:
        """Return a new child, from a new zygote if the old one is gone or lost too many children."""
        try:
            if self._crashes >= MAX_CRASHES:
                self._crashes = 0
                await self._children.close()
                self._children.start()
            return await self._load_and_fork(needed)
        except ZygoteLost as ex:
            _log.warning("zygote lost", extra={"reason": str(ex)})
        try:
            await self._children.close()
            self._children.start()
            return await self._load_and_fork(needed)
        except (ZygoteLost, OSError) as ex:
            raise ImageFailed(code=Code.INTERNAL_ERROR) from ex

    async def _load_and_fork(self, needed: frozenset[str]) -> Child:
        if needed - self._children.loaded:
            await self._children.load(needed)
        lacking = needed - self._children.loaded
        self._unavailable |= lacking & needed_codecs.OPTIONAL
        if lacking - self._unavailable:
            raise ImageFailed(
                "this worker cannot look for faces: imagejobs-worker[face] is not installed",
                code=Code.INVALID_OPTIONS,
            )
        return await self._children.take_child()

    async def _exchange_verified(self, child: Child, source: bytes, variants: Sequence[Variant]) -> Rendering:
        """Send the image and return the verified answer; no failure leaves the child in use."""
        try:
            async with asyncio.timeout(self._limits.image_seconds):
                answer = await _exchange(child, source, variants, self._limits)
            return verify(answer, variants, self._limits, source)
        except TimeoutError as ex:
            self._crashes += 1
            await self._kill()
            raise ImageFailed(
                f"took longer than the {self._limits.image_seconds:g} s that are allowed",
                code=Code.PROCESSING_TIMEOUT,
            ) from ex
        except (EOFError, OSError) as ex:
            self._crashes += 1
            if child.warden and child.warden.has_killed:
                await self._kill()
                raise ImageFailed("started too many threads", code=Code.INTERNAL_ERROR) from ex
            raise _death_error(await self._kill(grace_seconds=_DYING_SECONDS)) from ex
        except InvalidMessage as ex:
            _log.error("child answered garbage", extra={"reason": str(ex)})
            self._crashes += 1
            await self._kill()
            raise ImageFailed(code=Code.INTERNAL_ERROR) from ex
        except ImageFailed as ex:
            if notes := getattr(ex, "__notes__", None):
                _log.error("child failed", extra={"detail": notes})
            self._retire(Recycle.FAILURE)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._kill())
            raise

    def _retire(self, reason: Recycle) -> None:
        """Stop using a child that has no request open, without waiting for its end."""
        if use := self._detach(reason):
            self._children.retire(use.child)

    async def _kill(self, grace_seconds: float = 0.0) -> int | None:
        """Kill a child that may still be at work, and return its wait status, None if it is not known."""
        if (use := self._detach(Recycle.FAILURE)) is None:
            return None
        try:
            return await self._children.reap(use.child, grace_seconds)
        except ZygoteLost as ex:
            _log.warning("zygote lost", extra={"reason": str(ex)})
            return None

    def _detach(self, reason: Recycle) -> _ChildUse | None:
        use, self._use = self._use, None
        if use:
            self._instruments.record_recycle(reason)
        return use


async def _exchange(child: Child, source: bytes, variants: Sequence[Variant], limits: Limits) -> Rendering:
    loop = asyncio.get_running_loop()
    request = protocol.Request(tuple(variants), limits, os.urandom(_NONCE_BYTES).hex())
    await loop.sock_sendall(child.socket, protocol.pack_request(request, len(source)))
    await loop.sock_sendall(child.socket, source)
    head_bytes, file_bytes = protocol.read_sizes(
        await _receive(child, protocol.PREFIX.size), max_answer_bytes(variants, limits, source)
    )
    head = bytes(await _receive(child, head_bytes))
    return protocol.read_answer(head, memoryview(await _receive(child, file_bytes)), source, request.nonce)


async def _receive(child: Child, count: int) -> bytearray:
    """Return exactly `count` bytes.

    Raises:
        EOFError: The child closed its socket.
    """
    loop, buffer, got = asyncio.get_running_loop(), bytearray(count), 0
    view = memoryview(buffer)
    while got < count:
        more = await loop.sock_recv_into(child.socket, view[got:])
        if not more:
            raise EOFError("the child hung up")
        got += more
    return buffer


def _death_error(status: int | None) -> ImageFailed:
    """Return the error of an image whose child died; `status` is its wait status, None if not known."""
    if status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == EXIT_NOT_CAGED:
        _log.error("child could not be caged")
        return ImageFailed(code=Code.INTERNAL_ERROR)
    killed = status is not None and os.WIFSIGNALED(status)
    ended_by = signal.Signals(os.WTERMSIG(status)).name if status is not None and killed else ""
    _log.error("child died", extra={"signal": ended_by, "status": status})
    match ended_by:
        case "SIGKILL":
            return ImageFailed("needed more memory than there is", code=Code.OUT_OF_MEMORY)
        case "SIGXCPU":
            return ImageFailed("took more processor time than is allowed", code=Code.PROCESSING_TIMEOUT)
        case "":
            return ImageFailed("ended its decoder", code=Code.INTERNAL_ERROR)
    return ImageFailed(f"ended its decoder by {ended_by}", code=Code.INTERNAL_ERROR)
