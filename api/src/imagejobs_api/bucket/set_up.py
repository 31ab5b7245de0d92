"""Creates the bucket if it is missing, and sets its lifecycle rules. Safe to run twice.

The only module that manages buckets.
"""

from typing import Any

import botocore.exceptions

from imagejobs_api.bucket import rules
from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3 import boto

_MISSING = frozenset({"404", "NoSuchBucket", "NotFound"})
_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_AWS_DEFAULT_REGION = "us-east-1"
"""The one region that AWS refuses as a LocationConstraint."""


def client(s3: S3Settings) -> Any:
    """Return a client that gives up after about 20 s."""
    return boto.open_client(
        s3,
        s3.endpoint,
        connect_timeout=4,
        read_timeout=8,
        retries={"total_max_attempts": 3, "mode": "standard"},
    )


def set_up(s3_client: Any, s3: S3Settings, upload_days: int) -> None:
    """Create the bucket if it is missing, and set our lifecycle rules.

    Raises:
        Unavailable: S3 does not answer.
        Misconfigured: S3 refuses.
    """
    where = s3.endpoint or "AWS"
    try:
        _ensure_bucket(s3_client, s3)
        rules_now = rules.merge(_present_rules(s3_client, s3.bucket), upload_days)
        s3_client.put_bucket_lifecycle_configuration(
            Bucket=s3.bucket, LifecycleConfiguration={"Rules": rules_now}
        )
    except botocore.exceptions.ClientError as ex:
        raise Misconfigured(
            f"S3 ({where}) refuses {ex.operation_name} on the bucket {s3.bucket}: {_code(ex)}"
        ) from ex
    except botocore.exceptions.NoCredentialsError as ex:
        raise Misconfigured(f"there are no credentials for S3 ({where})") from ex
    except botocore.exceptions.BotoCoreError as ex:
        raise Unavailable(f"S3 ({where}) does not answer: {ex}") from ex


def _ensure_bucket(s3_client: Any, s3: S3Settings) -> None:
    try:
        s3_client.head_bucket(Bucket=s3.bucket)
    except botocore.exceptions.ClientError as ex:
        if _code(ex) not in _MISSING:
            raise
        _create(s3_client, s3)


def _create(s3_client: Any, s3: S3Settings) -> None:
    in_region = not s3.endpoint and s3.region != _AWS_DEFAULT_REGION
    options = {"CreateBucketConfiguration": {"LocationConstraint": s3.region}} if in_region else {}
    try:
        s3_client.create_bucket(Bucket=s3.bucket, **options)
    except botocore.exceptions.ClientError as ex:
        if _code(ex) not in _THERE:
            raise


def _present_rules(s3_client: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        return list(s3_client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", []))
    except botocore.exceptions.ClientError as ex:
        if _code(ex) == "NoSuchLifecycleConfiguration":
            return []
        raise


def _code(ex: Any) -> str:
    return str(ex.response.get("Error", {}).get("Code", "unknown"))
