"""How many requests a minute a caller may send, and all together: counted in Redis for all processes, by the `limits` library.

A Redis that does not answer is left alone for a moment, and each process counts for itself: then as many
times more get through as there are processes, and nobody is refused for Redis' sake.
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
"""How long a request waits for Redis' count at most."""
OPEN_SECONDS = 5.0
CALLER_POLICY, TOTAL_POLICY = "caller", "all"
"""Names of the policies, as the headers tell them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """Where a caller stands after a request.

    Attributes:
        policy: Which of the limits this is about: the one that refused, else the caller's.
        quota: Requests in a window.
        left: How many more there may be now.
        reset_seconds: Until there may be one more.
    """

    allowed: bool
    policy: str
    quota: int
    remaining: int
    reset_seconds: int

    @property
    def policy_header(self) -> str:
        """Return `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11)."""
        return f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}'

    @property
    def header(self) -> str:
        """Return `RateLimit`."""
        return f'"{self.policy}";r={self.remaining};t={self.reset_seconds}'


class RateLimits:
    """Counts requests."""

    def __init__(
        self, limits: Limits, redis: Redis | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._redis = redis
        self._shared = _shared(redis) if redis is not None else None
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._clock = clock
        self._blind_until = float("-inf")

    async def count(self, caller: Caller) -> RateLimitStatus:
        """Count a request of this caller, and tell whether it may go on."""
        if self._shared is None or self._redis is None or self._clock() < self._blind_until:
            return await self._count(self._alone, caller)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), redis_errors(self._redis):
                return await self._count(self._shared, caller)
        except (TimeoutError, Unavailable, StorageError) as ex:
            self._blind_until = self._clock() + OPEN_SECONDS
            log.warning("requests are counted in this process only", extra={"reason": str(ex)})
            return await self._count(self._alone, caller)

    async def _count(self, limiter: SlidingWindowCounterRateLimiter, caller: Caller) -> RateLimitStatus:
        everybody = RateLimitItemPerMinute(self._limits.max_requests_per_minute)
        if not caller.name:
            return await _hit(limiter, TOTAL_POLICY, everybody)
        own = RateLimitItemPerMinute(
            caller.limits.requests_per_minute or self._limits.max_caller_requests_per_minute
        )
        standing = await _hit(limiter, CALLER_POLICY, own, caller.name)
        if standing.allowed:  # what a caller is refused shall not count against the others
            together = await _hit(limiter, TOTAL_POLICY, everybody)
            return standing if together.allowed else together
        return standing


class Throttle:
    """Falcon middleware: refuses requests over the limits before their bodies are read.

    Stands behind the gate: strangers are not counted.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Count a request."""
        if is_public(resource) or req.method == "OPTIONS":
            return
        standing = await self._limits.count(req.caller)
        resp.set_header("RateLimit-Policy", standing.policy_header)
        resp.set_header("RateLimit", standing.header)
        if not standing.allowed:
            message = (
                "You have sent" if standing.policy == CALLER_POLICY else "All callers together have sent"
            )
            raise Problem(
                Code.RATE_LIMITED,
                f"{message} more than {standing.quota} requests in a minute.",
                retry_after_seconds=standing.reset_seconds,
            )


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, policy: str, item: RateLimitItem, *who: str
) -> RateLimitStatus:
    allowed = await limiter.hit(item, policy, *who)
    stats = await limiter.get_window_stats(item, policy, *who)
    reset = min(WINDOW_SECONDS, max(1, math.ceil(stats.reset_time - time.time())))
    return RateLimitStatus(allowed, policy, item.amount, stats.remaining if allowed else 0, reset)


def _shared(redis: Redis) -> SlidingWindowCounterRateLimiter:
    storage: Storage = RedisStorage(
        "async+redis://", implementation="redispy", key_prefix=redis_keys.LIMITS, connection_pool=redis.connection_pool  # type: ignore[arg-type]
    )  # fmt: skip
    return SlidingWindowCounterRateLimiter(storage)
