"""`/api/uploads`: presigned links by which clients upload files to S3 themselves, whole or in parts.

Jobs then name the files by their keys. The key of an upload names its caller
(`contract.wire.source_prefixes`), so this process keeps no record of uploads. No job owns an upload: several
jobs may use it, and the bucket's lifecycle rule deletes it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.http import json_io
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.uploads.request import NewFile, PartUpload, read_files, read_part_upload
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Conflict, NotFound
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import S3Key, UploadId
from imagejobs_contract.model.times import format_time
from imagejobs_contract.storage import LinkSigner, ObjectStore, PartUploads
from imagejobs_contract.wire import s3_keys, source_prefixes
from imagejobs_contract.wire.json_types import Count, Time, Url

MAX_BODY_BYTES = 2**20
MAX_PARALLEL_BEGINS = 8
"""Multipart uploads of one request that are begun at the same time."""


class PartBody(TypedDict):
    """A part of a file: where to PUT its bytes, and how many they are."""

    number: Count
    size: Count
    url: Url


class MultipartBody(TypedDict):
    """How a file is sent in parts.

    Attributes:
        multipart_id: Names the multipart upload, with the key, in calls of `complete` and `abort`.
        part_size: Bytes of each part but the last.
    """

    multipart_id: str
    part_size: Count
    parts: list[PartBody]


class FileBody(TypedDict):
    """Where to send a file, and how jobs name it.

    Attributes:
        key: Names the file in `POST /api/jobs`.
        url: Where to PUT the file; null for a file that is sent in parts.
        headers: Headers that the PUT must have; they are signed.
        multipart: Null for a file that is sent whole.
    """

    name: str
    key: str
    size: Count
    url: Url | None
    headers: dict[str, str]
    multipart: MultipartBody | None


class UploadBody(TypedDict):
    """Links for files.

    Attributes:
        prefix: The prefix of all these files; a job may name the whole upload by it.
        expires: When the links end to be valid.
        use_until: Until when jobs may name the files.
    """

    prefix: str
    expires: Time
    use_until: Time
    files: list[FileBody]


class CompletedBody(TypedDict):
    """A file whose multipart upload is complete."""

    key: str
    size: Count


class UploadLinks:
    """Makes upload links; completes and aborts multipart uploads."""

    def __init__(
        self,
        objects: ObjectStore,
        parts: PartUploads,
        signer: LinkSigner,
        server_limits: Limits,
        link_seconds: int,
    ) -> None:
        self._objects = objects
        self._parts = parts
        self._signer = signer
        self._limits = server_limits
        self._link_seconds = link_seconds

    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer with a link for each file, or one for each of its parts."""
        json_io.check_head(req, MAX_BODY_BYTES)
        files = read_files(await json_io.read(req, MAX_BODY_BYTES), self._limits)
        now = datetime.now(UTC)
        own = source_prefixes.own_uploads_prefix(req.caller.namespace, req.caller.name)
        upload_id = f"{own.removeprefix(s3_keys.UPLOADS)}{names.new_job_id()}"
        keys = [s3_keys.presigned(upload_id, n, each.name) for n, each in enumerate(files)]
        begun = await self._begin(files, keys)
        # Signing a thousand links takes a third of a second: other requests must not wait for that.
        bodies = await asyncio.to_thread(
            lambda: [self._file_body(*each) for each in zip(files, keys, begun, strict=True)]
        )
        resp.media = UploadBody(
            prefix=s3_keys.uploads(upload_id),
            expires=format_time(now + timedelta(seconds=self._link_seconds)),
            use_until=format_time(now + timedelta(seconds=limits.UPLOAD_SECONDS)),
            files=bodies,
        )
        resp.set_header("Cache-Control", "no-store")

    async def on_post_complete(self, req: Request, resp: Response) -> None:
        """Complete a multipart upload; safe to repeat."""
        named = await self._read(req)
        try:
            await self._parts.complete(named.key, named.upload, named.parts)
        except Conflict as ex:
            raise Problem(Code.CONFLICT, f"{ex.message}; send it, then complete.") from ex
        except NotFound as ex:
            if await self._objects.head(named.key) is None:
                raise _no_such_upload() from ex
        facts = await self._objects.head(named.key)
        if facts is None:
            raise _no_such_upload()
        resp.media = CompletedBody(key=named.key, size=facts.size)

    async def on_post_abort(self, req: Request, resp: Response) -> None:
        """Abort a multipart upload and delete its parts; answer 204 also if there is none."""
        named = await self._read(req)
        await self._parts.abort(named.key, named.upload)
        resp.status = 204

    async def _read(self, req: Request) -> PartUpload:
        json_io.check_head(req, MAX_BODY_BYTES)
        return read_part_upload(
            await json_io.read(req, MAX_BODY_BYTES),
            source_prefixes.own_uploads_prefix(req.caller.namespace, req.caller.name),
        )

    async def _begin(self, files: Sequence[NewFile], keys: Sequence[S3Key]) -> list[UploadId]:
        slots = asyncio.Semaphore(MAX_PARALLEL_BEGINS)

        async def begin(file: NewFile, key: S3Key) -> UploadId:
            if file.part_size is None:
                return UploadId("")
            async with slots:
                return await self._parts.begin(key, file.content_type)

        return await asyncio.gather(*(begin(*each) for each in zip(files, keys, strict=True)))

    def _file_body(self, file: NewFile, key: S3Key, upload: UploadId) -> FileBody:
        whole = file.part_size is None
        link = (
            self._signer.put_link(
                key, seconds=self._link_seconds, size=file.size, content_type=file.content_type
            )
            if whole
            else None
        )
        return {
            "name": file.name,
            "key": key,
            "size": file.size,
            "url": link,
            "headers": {"Content-Type": file.content_type} if whole else {},
            "multipart": self._multipart_body(file, key, upload, file.part_size) if file.part_size else None,
        }

    def _multipart_body(self, file: NewFile, key: S3Key, upload: UploadId, part_size: int) -> MultipartBody:
        sizes = [min(part_size, file.size - start) for start in range(0, file.size, part_size)]
        parts: list[PartBody] = [
            {
                "number": number,
                "size": size,
                "url": self._signer.part_link(key, upload, number, seconds=self._link_seconds, size=size),
            }
            for number, size in enumerate(sizes, 1)
        ]
        return {"multipart_id": f"{len(parts)}-{upload}", "part_size": part_size, "parts": parts}


def _no_such_upload() -> Problem:
    return Problem(
        Code.NOT_FOUND, "There is no such upload in parts: it was aborted, or not completed in time."
    )
