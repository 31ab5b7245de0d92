"""The parent's side of the zygote: starts it, has it fork children, and returns them to be reaped.

Knows nothing of pictures.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from io import FileIO
from typing import NamedTuple

from imagejobs_worker.child import needed_codecs, spawn
from imagejobs_worker.child.commands import Command, CommandKind
from imagejobs_worker.child.config import SandboxMode, SandboxReport
from imagejobs_worker.child.control import MAX_START_SECONDS, Channel, ZygoteLost
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.child.thread_warden import ThreadWarden

_SEND_BYTES = 2**20
"""Send buffer of the socket, if the kernel's own limit allows it: an image then takes fewer switches between
the two processes, 2 % of T1.
"""
_REAP_SECONDS = 5.0
_END_SECONDS = 2.0
_POLL_SECONDS = 0.001
_STATM_BYTES = 200


class Child(NamedTuple):
    """A living child: its process id, our end of its socket, and the bound of its threads if it has one."""

    pid: int
    socket: socket.socket
    warden: ThreadWarden | None = None

    def close(self) -> None:
        """Close our ends; the child then ends by itself."""
        self.socket.close()
        if self.warden:
            self.warden.close()

    def is_idle(self) -> bool:
        """Return whether it waits for the next image: it neither closed its end nor sent anything unasked."""
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def resident_bytes(self) -> int:
        """Return the memory that the child holds, 0 where the system does not say."""
        try:
            return _resident_pages(self.pid) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0


class ChildPool:
    """One zygote, its current child, and a spare forked ahead.

    A spare is forked for the first image, and again once a child was lost: a batch that cost one child may
    cost more. `Decoder` owns one pool, calls it for one image at a time, and starts it again after
    `ZygoteLost`. Commands go through `control.Channel`.

    Args:
        memory_bytes: Address space of a child.
        cpu_seconds: Processor time of a child's whole life.
        cage: The sandbox that a child must have.
        heic: Whether HEIC is read.
        render: `module:function` in place of the pipeline, "" for the pipeline itself.
        preload: Codecs that the zygote loads before it forks.

    Attributes:
        loaded: Codecs that the next child will have.
    """

    def __init__(
        self,
        memory_bytes: int,
        cpu_seconds: int,
        cage: SandboxMode,
        heic: bool,
        render: str,
        preload: Collection[str],
    ) -> None:
        self._preload = frozenset(preload) | needed_codecs.ALWAYS
        self._settings = {
            "memory_bytes": memory_bytes,
            "cpu_seconds": cpu_seconds,
            "cage": cage,
            "heic": heic,
            "render": render,
            "preload": sorted(self._preload),
        }
        self.loaded = self._preload
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._forks = 0
        self._spare: asyncio.Task[Child] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def start(self, spawned: Spawned | None = None) -> None:
        """Start the zygote and order the first child; return at once, the zygote loads by itself.

        Args:
            spawned: A process that was started before, to be used in place of a new one.
        """
        self._pid, control = spawned or spawn.spawn()
        self._channel = Channel(control, self._settings)
        self._forks = 0
        self.loaded = self._preload
        self._spare = asyncio.create_task(self._fork())

    async def close(self) -> None:
        """End the zygote, and with it its children."""
        await self._discard_spare()
        if self._retiring:
            await asyncio.wait(self._retiring)
        if self._channel:
            self._channel.close()
        pid, self._pid = self._pid, None
        if pid:
            await _wait_for_exit(pid)

    async def sandbox_report(self) -> SandboxReport:
        """Return the layers of the sandbox that the zygote saw hold; wait until it has loaded.

        Raises:
            ZygoteLost: It has ended or does not answer.
        """
        return await self._require_channel().sandbox_report()

    async def take_child(self) -> Child:
        """Return a new child; the one before must have been reaped or retired.

        Raises:
            ZygoteLost: The zygote has ended or does not answer.
        """
        child = await self._take_spare() or await self._fork()
        if self._forks > 1:
            self._spare = asyncio.create_task(self._fork())
        return child

    async def _take_spare(self) -> Child | None:
        """Return the spare, or None if there is none or it has died."""
        spare = await self._await_spare()
        if spare is None or spare.is_idle():
            return spare
        self.retire(spare)
        return None

    async def _await_spare(self) -> Child | None:
        if self._spare is None:
            return None
        try:
            # Shielded: if this call is cancelled, the next image gets the spare.
            child = await asyncio.shield(self._spare)
        except ZygoteLost:
            self._spare = None
            raise
        self._spare = None
        return child

    async def _fork(self) -> Child:
        ours, its = socket.socketpair()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        try:
            with its:
                pid = await self._require_channel().send(Command(CommandKind.FORK), MAX_START_SECONDS, its)
            self._forks += 1
            return Child(pid, ours, await _receive_warden(pid, ours) if self._settings["heic"] else None)
        except BaseException:
            ours.close()
            raise

    async def load(self, needed: frozenset[str]) -> None:
        """Make the zygote load codecs; children that are forked afterwards have them.

        A codec that is not installed is missing in `loaded` afterwards.

        Raises:
            ZygoteLost: The zygote has ended or does not answer.
        """
        if outdated := await self._await_spare():
            self.retire(outdated)
        command = Command(CommandKind.LOAD, needed_codecs.pack(needed))
        self.loaded = needed_codecs.unpack(await self._require_channel().send(command, MAX_START_SECONDS))

    async def reap(self, child: Child, grace_seconds: float) -> int:
        """End the child and return its wait status.

        Args:
            child: One that `take_child` returned.
            grace_seconds: How long it may take to end by itself if it is dying already.

        Raises:
            ZygoteLost: The zygote has ended or does not answer; it must be started again.
        """
        child.close()
        command = Command(CommandKind.REAP, child.pid, int(grace_seconds * 1000))
        return await self._require_channel().send(command, grace_seconds + _REAP_SECONDS)

    def retire(self, child: Child) -> None:
        """End a child that has no request open, without waiting for its end.

        The zygote reaps it before it obeys any later command.
        """
        child.close()
        retiring = asyncio.create_task(self._reap_retired(child))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _reap_retired(self, child: Child) -> None:
        # The next command raises it too.
        with suppress(ZygoteLost):
            await self.reap(child, 0)

    async def _discard_spare(self) -> None:
        """Close the spare, or the fork under way; the process ends with the zygote."""
        spare, self._spare = self._spare, None
        if spare is None:
            return
        spare.cancel()
        await asyncio.wait({spare})
        if not spare.cancelled() and not spare.exception():
            spare.result().close()

    def _require_channel(self) -> Channel:
        if self._channel is None:
            raise ZygoteLost("the zygote is not running")
        return self._channel


async def _receive_warden(pid: int, ours: socket.socket) -> ThreadWarden | None:
    """Return the bound of a new child's threads; None if the child has ended, or its kernel has none."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(ours, readable.set)
    try:
        async with asyncio.timeout(MAX_START_SECONDS):
            await readable.wait()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    except (OSError, TimeoutError):
        return None
    finally:
        loop.remove_reader(ours)
    return ThreadWarden(pid, descriptors[0]) if descriptors else None


def _resident_pages(pid: int) -> int:
    with FileIO(f"/proc/{pid}/statm") as file:
        return int(file.read(_STATM_BYTES).split()[1])


async def _wait_for_exit(pid: int) -> None:
    """Reap a process; kill it if it has not ended after `_END_SECONDS`."""
    until = time.monotonic() + _END_SECONDS
    while not (dead := _try_reap(pid, os.WNOHANG)) and time.monotonic() < until:  # noqa: ASYNC110 - a process sets no event
        await asyncio.sleep(_POLL_SECONDS)
    if not dead:
        os.kill(pid, signal.SIGKILL)
        _try_reap(pid, 0)


def _try_reap(pid: int, options: int) -> bool:
    return bool(os.waitpid(pid, options)[0])
