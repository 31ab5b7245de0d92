"""Makes S3 clients: every request bounded in time, every error one of ours. Knows no keys.

A request takes at most `REQUEST_SECONDS`, and none is started again after `RETRY_SECONDS`. For AWS to answer
"not found" rather than "not allowed", the credentials need s3:ListBucket.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from imagejobs_contract.errors import Conflict, Misconfigured, NotFound, Unavailable
from imagejobs_contract.runtime.settings import S3Settings

CONNECT_SECONDS = 3
REQUEST_SECONDS = 30
"""32 MiB, the largest file, at 1.1 MB/s."""
MAX_RETRIES = 3
RETRY_SECONDS = 15
MAX_BACKOFF_SECONDS = 3
CALL_SECONDS = RETRY_SECONDS + MAX_BACKOFF_SECONDS + REQUEST_SECONDS
"""A call that is one request has ended after this time, however often it was tried: the last try waits once
more, and then takes its own time.
"""
IDLE_SECONDS = 10
"""How long an idle connection is kept: less than servers do, because a PUT with a condition is not sent again
when the connection turns out to be closed.
"""

_UNADDRESSABLE = re.compile(r"(.*/)?\.{0,2}(/.*)?", re.DOTALL)
"""Keys that obstore refuses, or trims: it would read `a` for `a/`."""
_STATUS = re.compile(r"status code: ([0-9]{3})")


def open_store(settings: S3Settings) -> S3Store:
    """Return the store of a bucket; nothing is sent before the first call."""
    plain = settings.endpoint.startswith("http://")
    options: dict[str, Any] = {"endpoint": _endpoint(settings)} if settings.endpoint else {}
    if settings.access_key_id:
        options |= {"access_key_id": settings.access_key_id, "secret_access_key": settings.secret_access_key}
    return S3Store(
        settings.bucket,
        region=settings.region,
        virtual_hosted_style_request=not settings.path_style,
        unsigned_payload=settings.unsigned_payload,
        client_options={
            "allow_http": plain,
            # Where nothing is asked over TLS, not even for credentials, no certificate is looked at; loading
            # the system's takes 6 ms.
            "allow_invalid_certificates": plain and bool(settings.access_key_id),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "pool_idle_timeout": timedelta(seconds=IDLE_SECONDS),
        },
        retry_config={
            "max_retries": MAX_RETRIES,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=MAX_BACKOFF_SECONDS),
                "base": 2,
            },
        },
        **options,
    )


@contextmanager
def s3_errors(key: str) -> Iterator[None]:
    """Raise errors of S3, and of the connection to it, as ours.

    Args:
        key: The object, for messages.
    """
    if _UNADDRESSABLE.fullmatch(key):
        raise NotFound(f"{key!r} cannot be a key")
    try:
        yield
    except FileNotFoundError as ex:
        raise NotFound(f"{key} is not in S3") from ex
    except (AlreadyExistsError, PreconditionError) as ex:
        raise Conflict(f"{key} changed in S3, or is there already") from ex
    except (PermissionDeniedError, UnauthenticatedError) as ex:
        raise Misconfigured(f"S3 refuses access to {key}") from ex
    except BaseError as ex:
        raise _error_by_status(key, ex) from ex


def _error_by_status(what: str, ex: BaseError) -> Misconfigured | NotFound | Unavailable:
    """Return the error for a status that obstore does not map: of listings, and of codes without a class."""
    found = _STATUS.search(str(ex))
    status = int(found[1]) if found else 0
    if status in (401, 403):
        return Misconfigured(f"S3 refuses access to {what}")
    if status in (404, 416):
        return NotFound(f"{what} is not in S3")
    return Unavailable(
        f"S3 did not answer well for {what}: {str(ex).partition('Debug source')[0][:300].strip()}"
    )


def _endpoint(settings: S3Settings) -> str:
    """Return the endpoint for obstore: with the bucket in the host name unless it is in the path."""
    if settings.path_style:
        return settings.endpoint
    from urllib.parse import urlsplit  # 2 ms, which a pod does not need

    parts = urlsplit(settings.endpoint)
    return parts._replace(netloc=f"{settings.bucket}.{parts.netloc}").geturl()
