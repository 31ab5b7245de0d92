"""Makes boto3 clients, for the requests that obstore cannot make.

These are requests about buckets, uploads in parts, and links whose credentials have to be found. boto3 takes
0.3 s and 30 MB to import, so it is imported with the first client.
"""

from typing import Any

from imagejobs_contract.runtime.settings import S3Settings


def open_client(settings: S3Settings, endpoint: str, **options: Any) -> Any:
    """Return a client for S3.

    Args:
        endpoint: "" is AWS's own.
        options: More of botocore's `Config`, such as time-outs.
    """
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id or None,
        aws_secret_access_key=settings.secret_access_key or None,
        aws_session_token=(settings.session_token or None) if settings.access_key_id else None,
        verify=settings.ca_file or None,
        config=Config(
            s3={"addressing_style": "path" if settings.path_style else "virtual"},
            # Else links to PUT hold the checksum of an empty body, and servers that are not AWS refuse
            # requests.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            **options,
        ),
    )
