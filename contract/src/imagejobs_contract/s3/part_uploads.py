"""Multipart uploads that clients fill by signed links: begun, completed and aborted here.

It uses boto3, because obstore has no calls for them. boto3 blocks: each call runs in a thread, for
`REQUEST_SECONDS` a try. The client is made with the first call.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from imagejobs_contract.errors import Conflict, Misconfigured, NotFound, Unavailable
from imagejobs_contract.model.names import S3Key, UploadId
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3 import boto
from imagejobs_contract.s3.client import error_for

CONNECT_SECONDS = 3
REQUEST_SECONDS = 20
MAX_LISTED_PARTS = 1000
"""S3 lists no more in one answer; an upload of ours has no more."""
_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "read_timeout": REQUEST_SECONDS,
    "retries": {"total_max_attempts": 3, "mode": "standard"},
}
_MISSING = frozenset({"NoSuchUpload", "NoSuchKey", "404"})
_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


class BotoPartUploads:
    """Implements `storage.PartUploads`."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        self._client = cache(lambda: boto.open_client(settings, settings.endpoint, **_OPTIONS))

    def close(self) -> None:
        """Close its connections, if it has made any."""
        if self._client.cache_info().currsize:
            self._client().close()

    async def begin(self, key: S3Key, content_type: str) -> UploadId:
        """Return the id of a new upload."""
        answer = await self._call("create_multipart_upload", Key=key, ContentType=content_type)
        return UploadId(answer["UploadId"])

    async def complete(self, key: S3Key, upload: UploadId, parts: int) -> None:
        """Make the object of its parts.

        S3 is asked for the parts, so that clients need not remember its answers.

        Raises:
            NotFound: There is no such upload.
            Conflict: A part is missing, or too small.
        """
        answer = await self._call("list_parts", Key=key, UploadId=upload, MaxParts=MAX_LISTED_PARTS)
        found = {int(each["PartNumber"]): str(each["ETag"]) for each in answer.get("Parts") or ()}
        missing = [number for number in range(1, parts + 1) if number not in found]
        if missing or len(found) > parts:
            raise Conflict(
                f"part {missing[0]} of {parts} is not there"
                if missing
                else f"there are more than {parts} parts"
            )
        listed = [{"PartNumber": number, "ETag": found[number]} for number in range(1, parts + 1)]
        await self._call(
            "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
        )

    async def abort(self, key: S3Key, upload: UploadId) -> None:
        """Drop an upload and its parts; nothing happens if there is none."""
        try:
            await self._call("abort_multipart_upload", Key=key, UploadId=upload)
        except NotFound:
            return

    async def _call(self, operation: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(self._call_blocking, operation, parameters)

    def _call_blocking(self, operation: str, parameters: dict[str, Any]) -> Any:
        import botocore.exceptions

        try:
            return getattr(self._client(), operation)(Bucket=self._bucket, **parameters)
        except botocore.exceptions.ClientError as ex:
            raise _error_for(ex.response, parameters["Key"]) from ex
        except botocore.exceptions.BotoCoreError as ex:
            raise Unavailable(f"S3 does not answer: {ex}") from ex


def _error_for(answer: Mapping[str, Any], key: S3Key) -> NotFound | Conflict | Misconfigured | Unavailable:
    code = str(answer.get("Error", {}).get("Code", ""))
    if code in _MISSING:
        return NotFound(f"there is no such upload of {key}")
    if code in _PARTS:
        return Conflict(f"S3 does not take the parts of {key}: {code}")
    return error_for(key, int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), code, code)
