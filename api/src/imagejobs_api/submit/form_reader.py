"""Multipart bodies: files go to S3 piece by piece as they come, options are gathered. Nothing is held whole.

Files that cannot be images are found by their first bytes, never by name or declared type. A body that ends
too early raises here, so that the caller discards what was stored; what even that leaves behind (a crash, S3
away) goes by the bucket's lifecycle rule for `uploads/`.
"""

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import falcon
from falcon.asgi.multipart import BodyPart
from falcon.media import MultipartFormHandler

from imagejobs_api.admission.upload_memory import Held
from imagejobs_api.http import filenames
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.multipart import FormBody
from imagejobs_api.submit.forms import Form, Received, Source
from imagejobs_api.submit.handoff_writer import Shelf
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, ImageJobsError
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys, sniff

MAX_OPTION_BYTES = 1024
MAX_PART_HEADERS = 8192
SPARE_PARTS = 16
"""Unknown or repeated fields that are still read, so that all of them can be named."""
MULTIPART = "multipart/form-data"

log = logging.getLogger(__name__)


class FormReader:
    """Reads one form and stores its files under `uploads/<upload_id>/`.

    Args:
        shelf: Where a copy is left of each file that S3 has.
        held: Counts what is held of the files.
        digests: Whether to hash the files on their way.
    """

    def __init__(
        self,
        objects: ObjectStore,
        shelf: Shelf,
        form: Form,
        upload_id: str,
        held: Held,
        *,
        digests: bool = False,
    ) -> None:
        self._objects = objects
        self._shelf = shelf
        self._held = held
        self._form = form
        self._upload_id = upload_id
        self._digests = digests
        self._has_stored = False
        self.received = Received(single=form.max_files == 1, upload_id=upload_id)

    def take(self, name: str, value: str) -> None:
        """Take an option of the query."""
        self.received.add_option(name, value)

    async def read(self, body: AsyncIterator[bytes], content_type: str | None) -> Received:
        """Read the form to its end.

        Raises:
            Problem: It is no multipart form, has too many files, or there is no memory for it.
            BodyCut, TooLarge: From `body`.
            falcon.HTTPError: The form is broken.
            Unavailable: S3 did not take a file.
        """
        if (content_type or "").split(";")[0].strip().lower() != MULTIPART:
            raise Problem(
                Code.UNSUPPORTED_MEDIA_TYPE,
                f"Send a form as {MULTIPART}, with the image in the field {self._form.file_fields[0]}.",
            )
        handler = MultipartFormHandler()
        handler.parse_options.max_body_part_count = (
            self._form.max_files + len(self._form.option_fields) + SPARE_PARTS
        )
        handler.parse_options.max_body_part_headers_size = MAX_PART_HEADERS
        async for part in await handler.deserialize_async(FormBody(body), content_type, None):
            await self._take(part)
        async for _ in body:
            pass  # what stands after the last boundary
        return self.received

    @asynccontextmanager
    async def discarding(self) -> AsyncIterator[None]:
        """Remove the stored files, as well as that goes, if the block raises."""
        try:
            yield
        except BaseException:
            if self._has_stored:
                await discard(self._objects, self._upload_id)
            raise

    async def _take(self, part: BodyPart) -> None:
        name, file_name, is_text = _headers(part)
        if name not in self._form.file_fields:
            await self._take_option(part, name, file_name)
        elif file_name is None and is_text:
            self.received.fault(name, f"is a text, not a file; with curl: -F {name}=@photo.jpg")
        else:
            await self._take_file(part, name, file_name or "")

    async def _take_option(self, part: BodyPart, name: str, file_name: str | None) -> None:
        name = filenames.clean(name)[:60] or "(a field without a name)"
        data = await part.stream.read(MAX_OPTION_BYTES + 1)
        if file_name is not None:
            self.received.fault(name, f"is a file; files go into {self._form.file_fields[0]}")
        elif len(data) > MAX_OPTION_BYTES:
            self.received.fault(name, f"is longer than {MAX_OPTION_BYTES} bytes")
        else:
            self.received.add_option(name, data.decode(errors="replace"))

    async def _take_file(self, part: BodyPart, field_name: str, file_name: str) -> None:
        chunks = aiter(part.stream)
        head = await _head(chunks)
        if not head and not file_name:
            return  # a browser's file input that was left empty
        if len(self.received.sources) == self._form.max_files:
            self._one_too_many(field_name)
            return
        number = len(self.received.sources)
        key = s3_keys.upload(self._upload_id, number)
        digest = hashlib.sha256(head) if self._digests else None
        refusal = await self._store(key, head, _hashed(chunks, digest) if digest else chunks)
        where = "image" if self._form.max_files == 1 else f"images[{number}]"
        hexadecimal = digest.hexdigest() if digest else ""
        self.received.sources.append(
            Source(filenames.clean(file_name), key, where=where, digest=hexadecimal, refusal=refusal)
        )

    def _one_too_many(self, field_name: str) -> None:
        if self._form.max_files > 1:
            raise Problem(Code.PAYLOAD_TOO_LARGE, f"There are more than {self._form.max_files} files.")
        self.received.fault(field_name, "is given more than once; /api/batch takes several")

    async def _store(self, key: S3Key, head: bytes, rest: AsyncIterator[bytes]) -> ImageFailed | None:
        self._has_stored = True
        if sniff.sniff(head) is None:
            await self._objects.put(key, head[: sniff.HEAD_BYTES], content_type="application/octet-stream")
            return ImageFailed("" if head else "The file is empty.", code=Code.NOT_AN_IMAGE)
        most = self._form.max_file_bytes
        with self._held.file() as file, self._shelf.copy(key) as copy:
            size = await self._objects.put_stream(
                key, copy.of(file.counted(_first_bytes(head, rest, most + 1)))
            )
            if size > most:
                return ImageFailed(f"The file is larger than {most} bytes.", code=Code.FILE_TOO_LARGE)
            copy.leave(size)
        return None


async def discard(objects: ObjectStore, upload_id: str) -> None:
    """Remove a request's stored files; the bucket's lifecycle rule removes what this cannot."""
    try:
        await objects.delete_prefix(s3_keys.uploads(upload_id))
    except ImageJobsError as ex:
        log.warning(
            "an upload stays until the lifecycle rule removes it",
            extra={"upload": upload_id, "reason": ex.message},
        )


def _headers(part: BodyPart) -> tuple[str, str | None, bool]:
    """Return the field's name, the file's name if it has one, and whether the part is declared as text."""
    try:
        return part.name or "", part.filename, part.content_type.startswith("text/")
    except UnicodeError as ex:
        raise falcon.HTTPBadRequest(description="A part's headers are not UTF-8.") from ex


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for chunk in chunks:
        head = head + chunk if head else chunk
        if len(head) >= sniff.HEAD_BYTES:
            break
    return head


async def _hashed(chunks: AsyncIterator[bytes], digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    async for chunk in chunks:
        digest.update(chunk)
        yield chunk


async def _first_bytes(head: bytes, rest: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    yield head if len(head) <= count else head[:count]
    left = count - len(head)
    async for chunk in rest:
        if left <= 0:
            return
        yield chunk if len(chunk) <= left else chunk[:left]
        left -= len(chunk)
