"""Makes Redis clients: every call bounded in time, every error one of ours. Knows no keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.redis.library import (
    AuthenticationError,
    BlockingConnectionPool,
    ExponentialWithJitterBackoff,
    NoPermissionError,
    OutOfMemoryError,
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


_READ_ONLY = "Redis takes no writes: it is a replica"
_BY_CLASS = {
    AuthenticationError: "Redis refuses the user name or the password",
    NoPermissionError: "Redis does not allow this user what imagejobs needs",
    OutOfMemoryError: "Redis is full (maxmemory)",
}
_CLUSTER = "REDIS_URL leads to a cluster; imagejobs needs one server, or a proxy"
_BY_WORD = {
    "maxmemory": _BY_CLASS[OutOfMemoryError],  # of a script
    "WRONGPASS": _BY_CLASS[AuthenticationError],
    "DB index": "Redis has no database of the number in REDIS_URL",
    "CERTIFICATE_VERIFY_FAILED": "the certificate of Redis is not signed by a CA that is trusted here",
    "CROSSSLOT": _CLUSTER,
    "MOVED": _CLUSTER,
}
"""Words in an error of Redis that stays until somebody changes something -> for people."""


@asynccontextmanager
async def redis_errors(client: Redis) -> AsyncIterator[None]:
    """Raise errors of Redis, and of the connection to it, as ours.

    Raises:
        Unavailable: With the fault as its `public` text where it is not simply away. Programs try again
            whatever the fault is: it may be mended while they run.
    """
    try:
        yield
    except ReadOnlyError as ex:
        # The server became a replica: the same address may lead to the new primary.
        await client.connection_pool.disconnect(inuse_connections=False)
        raise Unavailable(f"Redis: {ex}", public=_READ_ONLY) from ex
    except RedisError as ex:
        raise Unavailable(f"Redis: {ex}", public=_find_fault(ex)) from ex


def _find_fault(ex: RedisError) -> str:
    by_class = (fault for kind, fault in _BY_CLASS.items() if isinstance(ex, kind))
    by_word = (fault for word, fault in _BY_WORD.items() if word in str(ex))
    return next(by_class, "") or next(by_word, "")
