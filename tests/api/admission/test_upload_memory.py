"""The memory for files on their way to S3. The clock is virtual: a sleep ends once nothing else goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from imagejobs_api.admission import upload_memory
from imagejobs_api.admission.upload_memory import READ_AHEAD_BYTES, MemoryBudget
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.s3.streaming_put import MAX_HELD_BYTES
from support.clock import virtual_time

CHUNK = 2**20


class Sender:
    """Sends chunks of 1 MiB when it is told to, and knows how many were taken."""

    def __init__(self, memory: MemoryBudget) -> None:
        self.taken = 0
        self._memory = memory
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.stored = asyncio.Event()
        self.done = asyncio.create_task(self._store())

    async def send(self, count: int) -> None:
        """Send so many, and let what can happen happen."""
        for _ in range(count):
            self._chunks.put_nowait(bytes(CHUNK))
        await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Let the file be stored."""
        self.stored.set()
        self._chunks.put_nowait(b"")
        await asyncio.sleep(0.01)

    async def _store(self) -> None:
        with self._memory.for_file() as file:
            async for _ in file.throttle(self._come()):
                self.taken += 1
            await self.stored.wait()

    async def _come(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunks.get():
            yield chunk


def run(test: Callable[[], Awaitable[None]]) -> None:
    virtual_time.run(test())  # type: ignore[arg-type]


def test_files_that_do_not_fit_are_left_unread_until_there_is_room():
    async def test() -> None:
        memory = MemoryBudget(4 * CHUNK + 2 * READ_AHEAD_BYTES)
        first, second = Sender(memory), Sender(memory)
        await first.send(3)
        await second.send(3)
        assert (first.taken, second.taken) == (3, 1)
        await first.end()
        assert second.taken == 3
        await second.end()
        assert memory.held_bytes == 0

    run(test)


def test_the_file_that_came_first_always_goes_on():
    async def test() -> None:
        memory = MemoryBudget(4 * CHUNK + 2 * READ_AHEAD_BYTES)
        first, second = Sender(memory), Sender(memory)
        await first.send(1)
        await second.send(5)
        await first.send(9)
        assert (first.taken, second.taken) == (10, 3)
        for sender in (first, second):
            await sender.end()
        assert second.taken == 5

    run(test)


def test_a_request_is_refused_while_bodies_are_left_unread_and_not_before():
    async def test() -> None:
        memory = MemoryBudget(2 * CHUNK + 2 * READ_AHEAD_BYTES)
        first, second = Sender(memory), Sender(memory)
        await first.send(2)
        memory.check()
        await second.send(1)
        with pytest.raises(Problem) as refused:
            memory.check()
        assert (refused.value.code, refused.value.retry_after_seconds) == (
            Code.RATE_LIMITED,
            upload_memory.RETRY_SECONDS,
        )
        await first.end()
        memory.check()
        await second.end()

    run(test)


def test_nobody_is_left_unread_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upload_memory, "WAIT_SECONDS", 0.05)

    async def test() -> None:
        memory = MemoryBudget(CHUNK + 2 * READ_AHEAD_BYTES)
        first, second = Sender(memory), Sender(memory)
        await first.send(1)
        await second.send(1)
        with pytest.raises(Problem, match="memory"):
            await second.done
        assert memory.held_bytes == CHUNK + READ_AHEAD_BYTES
        await first.end()

    run(test)


def test_a_large_file_counts_as_what_is_held_of_it():
    async def test() -> None:
        memory = MemoryBudget(2 * MAX_HELD_BYTES)
        large = Sender(memory)
        await large.send(40)
        assert (large.taken, memory.held_bytes) == (40, MAX_HELD_BYTES + READ_AHEAD_BYTES)
        await large.end()

    run(test)
