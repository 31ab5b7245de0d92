"""redis-py, imported without OpenTelemetry.

Where OpenTelemetry is installed, redis-py loads all of its metrics: 165 ms and 15 MB at each start, which we
do not use. Our metrics are Prometheus's, and our spans are made around the calls.
"""

import sys

_HIDDEN = "opentelemetry"
_HIDES = _HIDDEN not in sys.modules

if _HIDES:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # an import of it then fails as if it were not there
try:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.exceptions import (
        AuthenticationError,
        NoPermissionError,
        OutOfMemoryError,
        ReadOnlyError,
        RedisError,
        ResponseError,
    )
    from redis.exceptions import ConnectionError as RedisConnectionError
finally:
    if _HIDES:
        del sys.modules[_HIDDEN]

__all__ = [
    "AuthenticationError", "BlockingConnectionPool", "ExponentialWithJitterBackoff", "NoPermissionError",
    "OutOfMemoryError", "ReadOnlyError", "Redis", "RedisConnectionError", "RedisError", "ResponseError",
    "Retry",
]  # fmt: skip
