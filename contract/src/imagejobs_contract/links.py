"""Presigned links for clients: signed by arithmetic for the endpoint as clients reach it; S3 is not spoken to."""

from typing import Any
from urllib.parse import quote

from imagejobs_contract.settings import S3Settings

MAX_SECONDS = 7 * 86_400
"""Signature version 4 allows no more."""


class BotoSigner:
    """Implements `ports.LinkSigner` with boto3."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        self._client = _client(settings)

    @classmethod
    def from_settings(cls, settings: S3Settings) -> "BotoSigner":
        """Return the signer of a bucket's links."""
        return cls(settings)

    def get_link(self, key: str, *, seconds: int, content_type: str, file_name: str) -> str:
        """Return a link that anybody can GET for a time, with that type and file name.

        Args:
            key: The object's.
            seconds: Brought into 1 to `MAX_SECONDS`; credentials that end earlier end the link, too.
            content_type: Answered as Content-Type.
            file_name: Under which browsers save it; any characters.
        """
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": content_disposition(file_name),
        }
        link: str = self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=min(max(seconds, 1), MAX_SECONDS))
        return link


def content_disposition(file_name: str) -> str:
    """Return the header that shows a file in place and names it for saving (RFC 6266): plain ASCII first, then the true name (RFC 8187)."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%/' else "_" for letter in file_name)
    header = f'inline; filename="{plain}"'
    return header if plain == file_name else f"{header}; filename*=UTF-8''{quote(file_name.encode('utf-8', 'replace'), safe='')}"


def _client(settings: S3Settings) -> Any:
    # Here, as it takes 0.3 s that programs without links need not spend.
    import boto3
    from botocore.config import Config

    style = "path" if settings.path_style else "virtual"
    return boto3.client(
        "s3",
        endpoint_url=settings.public_endpoint or None,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id or None,
        aws_secret_access_key=settings.secret_access_key or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
