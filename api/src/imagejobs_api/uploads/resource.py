"""`/api/uploads`: signed links by which clients send files to S3 themselves, whole or in parts; jobs then name them by their keys.

Whose an upload is stands in its key (`contract.sources`), so that nothing has to be remembered. No job owns
it: several may use one, and the bucket's lifecycle rule deletes it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.http import json_body
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
BEGINNINGS = 8
"""Uploads in parts that are begun at once."""


class PartBody(TypedDict):
    """A part of a file: where its bytes are to be PUT, so many of them."""

    number: Count
    size: Count
    url: Url


class MultipartBody(TypedDict):
    """How a file is sent in parts.

    Attributes:
        multipart_id: What `complete` and `abort` are told, with the key.
        part_size: Bytes of each part but the last.
    """

    multipart_id: str
    part_size: Count
    parts: list[PartBody]


class FileBody(TypedDict):
    """Where a file is to be sent, and how jobs name it.

    Attributes:
        key: For `POST /api/jobs`.
        url: Where it is to be PUT; null for one that is sent in parts.
        headers: That the PUT must have; they are signed.
        multipart: Null for one that is sent whole.
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
        prefix: Of all these files: a job may name the whole upload by it.
        expires: Until then the links are valid.
        use_until: Until then jobs may name the files.
    """

    prefix: str
    expires: Time
    use_until: Time
    files: list[FileBody]


class CompletedBody(TypedDict):
    """A file that was put together of its parts."""

    key: str
    size: Count


class UploadLinks:
    """Makes links, and ends uploads in parts."""

    def __init__(
        self, objects: ObjectStore, parts: PartUploads, signer: LinkSigner, known: Limits, seconds: int
    ) -> None:
        self._objects = objects
        self._parts = parts
        self._signer = signer
        self._limits = known
        self._seconds = seconds

    async def on_post(self, req: Request, resp: Response) -> None:
        """Answer with a link for each file, or one for each of its parts."""
        json_body.check_head(req, MAX_BODY_BYTES)
        files = read_files(await json_body.read(req, MAX_BODY_BYTES), self._limits)
        now, fresh = datetime.now(UTC), names.new_job_id()
        upload_id = f"{source_prefixes.own_uploads_prefix(req.caller.namespace, req.caller.name).removeprefix(s3_keys.UPLOADS)}{fresh}"
        keys = [s3_keys.presigned(upload_id, n, each.name) for n, each in enumerate(files)]
        begun = await self._begin(files, keys)
        # Signing a thousand links takes a third of a second: others shall not wait for it.
        bodies = await asyncio.to_thread(
            lambda: [self._file(*each) for each in zip(files, keys, begun, strict=True)]
        )
        resp.media = UploadBody(
            prefix=s3_keys.uploads(upload_id), expires=format_time(now + timedelta(seconds=self._seconds)),
            use_until=format_time(now + timedelta(seconds=limits.UPLOAD_SECONDS)), files=bodies,
        )  # fmt: skip
        resp.set_header("Cache-Control", "no-store")

    async def on_post_complete(self, req: Request, resp: Response) -> None:
        """Put a file together; done once, it may be asked again."""
        it = await self._read(req)
        try:
            await self._parts.complete(it.key, it.upload, it.parts)
        except Conflict as ex:
            raise Problem(Code.CONFLICT, f"{ex.message}; send it, then complete.") from ex
        except NotFound as ex:
            if await self._objects.head(it.key) is None:
                raise _absent() from ex
        facts = await self._objects.head(it.key)
        if facts is None:
            raise _absent()
        resp.media = CompletedBody(key=it.key, size=facts.size)

    async def on_post_abort(self, req: Request, resp: Response) -> None:
        """Drop the parts of a file; 204, also when there are none."""
        it = await self._read(req)
        await self._parts.abort(it.key, it.upload)
        resp.status = 204

    async def _read(self, req: Request) -> PartUpload:
        json_body.check_head(req, MAX_BODY_BYTES)
        return read_part_upload(
            await json_body.read(req, MAX_BODY_BYTES),
            source_prefixes.own_uploads_prefix(req.caller.namespace, req.caller.name),
        )

    async def _begin(self, files: Sequence[NewFile], keys: Sequence[S3Key]) -> list[UploadId]:
        places = asyncio.Semaphore(BEGINNINGS)

        async def begin(file: NewFile, key: S3Key) -> UploadId:
            if file.part_size is None:
                return UploadId("")
            async with places:
                return await self._parts.begin(key, file.content_type)

        return await asyncio.gather(*(begin(*each) for each in zip(files, keys, strict=True)))

    def _file(self, file: NewFile, key: S3Key, upload: UploadId) -> FileBody:
        whole = file.part_size is None
        link = (
            self._signer.put_link(key, seconds=self._seconds, size=file.size, content_type=file.content_type)
            if whole
            else None
        )
        return {
            "name": file.name,
            "key": key,
            "size": file.size,
            "url": link,
            "headers": {"Content-Type": file.content_type} if whole else {},
            "multipart": self._multipart(file, key, upload, file.part_size) if file.part_size else None,
        }

    def _multipart(self, file: NewFile, key: S3Key, upload: UploadId, part_size: int) -> MultipartBody:
        sizes = [min(part_size, file.size - start) for start in range(0, file.size, part_size)]
        parts: list[PartBody] = [
            {
                "number": number,
                "size": size,
                "url": self._signer.part_link(key, upload, number, seconds=self._seconds, size=size),
            }
            for number, size in enumerate(sizes, 1)
        ]
        return {"multipart_id": f"{len(parts)}-{upload}", "part_size": part_size, "parts": parts}


def _absent() -> Problem:
    return Problem(
        Code.NOT_FOUND, "There is no such upload in parts: it was aborted, or not completed in time."
    )
