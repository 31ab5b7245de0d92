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
    InvalidPathError,
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

_UNADDRESSABLE = re.compile(r"(.*/)?\.{0,2}(/.*)?|.*[\x00-\x1f\x7f\ufffe\uffff].*", re.DOTALL)
"""Keys that obstore refuses, trims (it would read `a` for `a/`), or sends in an XML that nobody can read."""
_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_BARE_REDIRECT = "redirect without LOCATION"
WRONG_REGION = "the bucket is in another region than S3_REGION says"
_CREDENTIALS = "S3 does not know these credentials"
_NO_CREDENTIALS = "no S3 credentials: AWS_ACCESS_KEY_ID is not set, and no cloud gives any"
_METADATA_URL = "http://169.254.169.254/"
"""Where obstore asks for the credentials of a cloud's machine if none are set."""
_INSUFFICIENT_STORAGE = 507
_FULL = "the storage is full"
_WRONG_SETTINGS = {
    "NoSuchBucket": "the bucket does not exist",
    "PermanentRedirect": WRONG_REGION,
    "TemporaryRedirect": WRONG_REGION,
    "AuthorizationHeaderMalformed": WRONG_REGION,
    "AuthorizationQueryParametersError": WRONG_REGION,
    "IllegalLocationConstraintException": WRONG_REGION,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "ExpiredToken": "the S3 credentials have expired",
    "TokenRefreshRequired": "the S3 credentials have expired",
    "RequestTimeTooSkewed": "the clocks of S3 and of this machine differ",
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
}
"""Codes of answers that stay the same until somebody changes something -> for people. None of these is an
outage, whatever its status is.
"""


def open_store(settings: S3Settings) -> S3Store:
    """Return the store of a bucket; nothing is sent before the first call."""
    plain = settings.endpoint.startswith("http://")
    options: dict[str, Any] = {"endpoint": _endpoint(settings)} if settings.endpoint else {}
    if settings.access_key_id:
        options |= {"access_key_id": settings.access_key_id, "secret_access_key": settings.secret_access_key}
        if settings.session_token:
            options["session_token"] = settings.session_token
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
            **({"root_certificate": _read(settings.ca_file)} if settings.ca_file else {}),
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


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib is 4 ms, which a pod does not need
        return file.read()


def is_addressable(key: str) -> bool:
    """Return whether obstore reads and writes exactly this key."""
    return _UNADDRESSABLE.fullmatch(key) is None


@contextmanager
def s3_errors(key: str) -> Iterator[None]:
    """Raise errors of S3, and of the connection to it, as ours.

    Args:
        key: The object, for messages.
    """
    if not is_addressable(key):
        raise NotFound(f"{key!r} cannot be a key")
    try:
        yield
    except FileNotFoundError as ex:
        if (code := error_code(str(ex))) in _WRONG_SETTINGS:
            raise error_for(key, 404, code, "") from ex
        raise NotFound(f"{key} is not in S3") from ex
    except (AlreadyExistsError, PreconditionError) as ex:
        raise Conflict(f"{key} changed in S3, or is there already") from ex
    except (PermissionDeniedError, UnauthenticatedError) as ex:
        raise error_for(key, 403, error_code(str(ex)), "") from ex
    except InvalidPathError:
        raise  # of a listing: for its caller
    except BaseError as ex:
        raise _error_by_text(key, ex) from ex


def _error_by_text(what: str, ex: BaseError) -> Misconfigured | NotFound | Unavailable:
    """Return the error for what obstore knows as a text only."""
    text = str(ex).partition("Debug source")[0]
    found = _STATUS.search(text)
    status = int(found[1]) if found else 301 if _BARE_REDIRECT in text else 0
    if _METADATA_URL in text:
        if 400 <= status < 500:
            return _misconfigured(_NO_CREDENTIALS, f"{status} of the metadata service")
        return Unavailable(f"{_NO_CREDENTIALS}: {text[:300].strip()}")
    return error_for(what, status, error_code(text), text)


def error_code(text: str) -> str:
    """Return S3's own code of an error from the XML in its answer, or ""."""
    found = _CODE.search(text)
    return found[1] if found else ""


def error_for(what: str, status: int, code: str, text: str) -> Misconfigured | NotFound | Unavailable:
    """Return the error for an answer of S3.

    Args:
        what: The object, or the bucket, for messages.
        status: Of the answer; 0 if there was none.
        code: S3's own (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), or "".
        text: For the log, if nothing better is known.
    """
    if code in _WRONG_SETTINGS:
        return _misconfigured(_WRONG_SETTINGS[code], f"{code} for {what}")
    if status in (301, 307, 308):
        return _misconfigured(WRONG_REGION, f"redirected for {what}")
    if status in (401, 403):
        return _misconfigured("S3 refuses access", f"{code or status} for {what}")
    if status in (404, 416):
        return NotFound(f"{what} is not in S3")
    if status == _INSUFFICIENT_STORAGE:
        return _misconfigured(_FULL, f"{status} for {what}")
    return Unavailable(f"S3 did not answer well for {what}: {text[:300].strip()}")


def _misconfigured(public: str, detail: str) -> Misconfigured:
    return Misconfigured(f"{public} ({detail})", public=public)


def _endpoint(settings: S3Settings) -> str:
    """Return the endpoint for obstore: with the bucket in the host name unless it is in the path."""
    if settings.path_style:
        return settings.endpoint
    from urllib.parse import urlsplit  # 2 ms, which a pod does not need

    parts = urlsplit(settings.endpoint)
    return parts._replace(netloc=f"{settings.bucket}.{parts.netloc}").geturl()
