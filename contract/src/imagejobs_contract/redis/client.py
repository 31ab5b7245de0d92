"""Makes Redis clients: every call bounded in time, every error one of ours. Knows no keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
    return Redis.from_pool(pool)


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
