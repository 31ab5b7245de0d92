"""Bounds the requests per minute, of each caller and of all, counted in Redis by the `limits` library.

If Redis does not answer, each process counts for itself for `OPEN_SECONDS`. Then N processes let N times as
many requests through, and no request is refused because Redis is away.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from falcon.asgi import Response
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.public import is_public
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.redis.client import redis_errors
from imagejobs_contract.redis.library import Redis
from imagejobs_contract.wire import redis_keys

WINDOW_SECONDS = 60
TIMEOUT_SECONDS = 0.25
"""How long a request waits for Redis at most."""
OPEN_SECONDS = 5.0
"""How long Redis is not asked again after it did not answer."""
CALLER_POLICY, TOTAL_POLICY = "caller", "all"
"""Names of the two policies in the headers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """The limit of a caller after one request was counted.

    Attributes:
        allowed: Whether the request may go on.
        policy: The limit that refused the request, else the caller's own.
        quota: Requests per window.
        remaining: How many more requests are allowed now.
        reset_seconds: Seconds until one more request is allowed.
    """

    allowed: bool
    policy: str
    quota: int
    remaining: int
    reset_seconds: int

    @property
    def policy_header(self) -> str:
        """Return the value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}'

    @property
    def header(self) -> str:
        """Return the value of `RateLimit`."""
        return f'"{self.policy}";r={self.remaining};t={self.reset_seconds}'


class RateLimits:
    """Counts requests, in Redis or in this process.

    Args:
        redis: None counts in this process only.
    """

    def __init__(
        self, limits: Limits, redis: Redis | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._redis = redis
        self._shared = _redis_limiter(redis) if redis is not None else None
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._clock = clock
        self._open_until = float("-inf")

    async def count(self, caller: Caller) -> RateLimitStatus:
        """Count a request of this caller; the result says whether it may go on."""
        if self._shared is None or self._redis is None or self._clock() < self._open_until:
            return await self._count(self._local, caller)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), redis_errors(self._redis):
                return await self._count(self._shared, caller)
        except (TimeoutError, Unavailable, StorageError) as ex:
            self._open_until = self._clock() + OPEN_SECONDS
            log.warning("requests are counted in this process only", extra={"reason": str(ex)})
            return await self._count(self._local, caller)

    async def _count(self, limiter: SlidingWindowCounterRateLimiter, caller: Caller) -> RateLimitStatus:
        total = RateLimitItemPerMinute(self._limits.max_requests_per_minute)
        if not caller.name:
            return await _hit(limiter, TOTAL_POLICY, total)
        own = RateLimitItemPerMinute(
            caller.limits.requests_per_minute or self._limits.max_caller_requests_per_minute
        )
        own_status = await _hit(limiter, CALLER_POLICY, own, caller.name)
        if own_status.allowed:  # a refused request does not count against the other callers
            total_status = await _hit(limiter, TOTAL_POLICY, total)
            return own_status if total_status.allowed else total_status
        return own_status


class Throttle:
    """Falcon middleware: refuses requests over the limits before their bodies are read.

    It runs after `Authentication`: requests without a valid key are not counted.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Count the request; refuse it with 429 and say when the next one is allowed."""
        if is_public(resource) or req.method == "OPTIONS":
            return
        status = await self._limits.count(req.caller)
        resp.set_header("RateLimit-Policy", status.policy_header)
        resp.set_header("RateLimit", status.header)
        if not status.allowed:
            message = "You have sent" if status.policy == CALLER_POLICY else "All callers together have sent"
            raise Problem(
                Code.RATE_LIMITED,
                f"{message} more than {status.quota} requests in a minute.",
                retry_after_seconds=status.reset_seconds,
            )


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, policy: str, item: RateLimitItem, *who: str
) -> RateLimitStatus:
    allowed = await limiter.hit(item, policy, *who)
    stats = await limiter.get_window_stats(item, policy, *who)
    reset = min(WINDOW_SECONDS, max(1, math.ceil(stats.reset_time - time.time())))
    return RateLimitStatus(allowed, policy, item.amount, stats.remaining if allowed else 0, reset)


def _redis_limiter(redis: Redis) -> SlidingWindowCounterRateLimiter:
    storage: Storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=redis_keys.LIMITS,
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]
    )
    return SlidingWindowCounterRateLimiter(storage)
