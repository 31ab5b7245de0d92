"""Makes Redis clients: every call bounded in time, every error one of ours. Knows no keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.redis.library import (
    BlockingConnectionPool,
    ExponentialWithJitterBackoff,
    ReadOnlyError,
    Redis,
    RedisConnectionError,
    RedisError,
    Retry,
)

CALL_SECONDS = 2.0
"""Longest time for connecting, for an answer, and for the wait for a free connection, each."""
BLOCK_SECONDS = 1.0
"""Longest blocking read: well below `CALL_SECONDS`, so that the connection's own time-out never meets it."""
MAX_CONNECTIONS = 64


def connect(url: str) -> Redis:
    """Return a client of a server (`redis://`, `rediss://` or `unix://`), which connects at its first call.

    A call whose connection broke is sent once more, because the pool may hold connections to a server that
    was restarted: callers must be safe to repeat. A call that timed out is not repeated.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=CALL_SECONDS,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
        retry=Retry(
            ExponentialWithJitterBackoff(cap=0.5, base=0.05), 1, supported_errors=(RedisConnectionError,)
        ),
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",
    )
    pool.connection_class = type("Connection", (_Cancellable, pool.connection_class), {})
    return Redis.from_pool(pool)


class _Cancellable:
    """The part of a connection that keeps a cancellation which arrives while a command is sent.

    redis-py sends through `asyncio.wait_for`, which in Python 3.11 drops a cancellation that meets the end of
    what it waits for (python/cpython#86296): a loop that should end then never ended, and a stop hung.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send the command, and raise CancelledError if the task was cancelled meanwhile."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)  # type: ignore[misc]
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # type: ignore[attr-defined]  # nobody reads the answer
            raise asyncio.CancelledError


@asynccontextmanager
async def redis_errors(client: Redis) -> AsyncIterator[None]:
    """Raise errors of Redis, and of the connection to it, as `Unavailable`."""
    try:
        yield
    except ReadOnlyError as ex:
        # The server became a replica: the same address may lead to the new primary.
        await client.connection_pool.disconnect(inuse_connections=False)
        raise Unavailable(f"Redis: {ex}") from ex
    except RedisError as ex:
        raise Unavailable(f"Redis: {ex}") from ex
