"""Reads multipart bodies: streams the files to S3 while they arrive, and collects the options.

No file is held whole in memory. Files that cannot be images are recognized by their first bytes, never by
name or declared type. If a body ends too early, an error is raised and the stored files are deleted; those
that remain (after a crash, or if S3 is away) are deleted by the bucket's lifecycle rule for `uploads/`.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import falcon
from falcon.asgi.multipart import BodyPart
from falcon.media import MultipartFormHandler

from imagejobs_api.admission.upload_memory import MemoryBudget
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.multipart import FormBody
from imagejobs_api.submit.forms import UPLOADER_FIELDS, VARIANTS, Form, ReceivedForm, Source
from imagejobs_api.submit.handoff_writer import HandoffWriter
from imagejobs_api.submit.variant_fields import MAX_VARIANTS_BYTES
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, ImageJobsError
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import file_names, s3_keys, sniff

MAX_OPTION_BYTES = 1024
MAX_PART_HEADERS = 8192
EXTRA_PARTS = 16
"""Unknown or repeated fields that are still read, so that the answer can name all of them."""
MULTIPART = "multipart/form-data"

log = logging.getLogger(__name__)


class FormReader:
    """Reads one form and stores its files under `uploads/<upload_id>/`.

    `FormIntake` makes one per request.

    Args:
        handoff: Gets a copy of each file that was stored in S3, for workers on this machine.
        memory: Bounds the bytes of all files that are in memory.
        digests: Whether to hash the files on their way.
    """

    def __init__(
        self,
        objects: ObjectStore,
        handoff: HandoffWriter,
        form: Form,
        upload_id: str,
        memory: MemoryBudget,
        *,
        digests: bool = False,
    ) -> None:
        self._objects = objects
        self._handoff = handoff
        self._memory = memory
        self._form = form
        self._upload_id = upload_id
        self._digests = digests
        self._has_stored = False
        self.received = ReceivedForm(single=form.max_files == 1, upload_id=upload_id)

    def add_field(self, name: str, value: str) -> None:
        """Add an option of the query."""
        self.received.add_option(name, value)

    async def read(self, body: AsyncIterator[bytes], content_type: str | None) -> ReceivedForm:
        """Read the form to its end.

        Raises:
            Problem: The body is not a multipart form, has too many files, or there is no memory for it.
            BodyIncomplete, TooLarge: From `body`.
            falcon.HTTPError: The form is malformed.
            Unavailable: S3 did not store a file.
        """
        if (content_type or "").split(";")[0].strip().lower() != MULTIPART:
            raise Problem(
                Code.UNSUPPORTED_MEDIA_TYPE,
                f"Send a form as {MULTIPART}, with the image in the field {self._form.file_fields[0]}.",
            )
        handler = MultipartFormHandler()
        handler.parse_options.max_body_part_count = (
            self._form.max_files + len(self._form.option_fields) + EXTRA_PARTS
        )
        handler.parse_options.max_body_part_headers_size = MAX_PART_HEADERS
        async for part in await handler.deserialize_async(FormBody(body), content_type, None):
            await self._read_part(part)
        async for _ in body:
            pass  # bytes after the last boundary
        return self.received

    @asynccontextmanager
    async def discarding(self) -> AsyncIterator[None]:
        """Delete the stored files if the block raises; S3 may keep some if it does not answer."""
        try:
            yield
        except BaseException:
            if self._has_stored:
                await delete_uploads(self._objects, self._upload_id)
            raise

    async def _read_part(self, part: BodyPart) -> None:
        name, file_name, is_text = _headers(part)
        if not self._form.holds_images(name):
            await self._read_option(part, name, file_name)
        elif file_name is None and is_text:
            self.received.add_fault(name, f"is a text, not a file; with curl: -F {name}=@photo.jpg")
        else:
            await self._read_file(part, name, file_name or "")

    async def _read_option(self, part: BodyPart, name: str, file_name: str | None) -> None:
        name = file_names.clean(name)[:60] or "(a field without a name)"
        max_bytes = MAX_VARIANTS_BYTES if name == VARIANTS else MAX_OPTION_BYTES
        data = await part.stream.read(max_bytes + 1)
        if name in UPLOADER_FIELDS and file_name is None:
            return
        if file_name is not None:
            self.received.add_fault(name, f"is a file; files go into {self._form.file_fields[0]}")
        elif len(data) > max_bytes:
            self.received.add_fault(name, f"is longer than {max_bytes} bytes")
        else:
            self.received.add_option(name, data.decode(errors="replace"))

    async def _read_file(self, part: BodyPart, field_name: str, file_name: str) -> None:
        chunks = aiter(part.stream)
        head = await _read_head(chunks)
        if not head and not file_name:
            return  # an empty file input of a browser
        if len(self.received.sources) == self._form.max_files:
            self._refuse_extra_file(field_name)
            return
        number = len(self.received.sources)
        key = s3_keys.upload(self._upload_id, number)
        digest = hashlib.sha256(head) if self._digests else None
        refusal = await self._store(key, head, _hash(chunks, digest) if digest else chunks)
        where = "image" if self._form.max_files == 1 else f"images[{number}]"
        hexadecimal = digest.hexdigest() if digest else ""
        self.received.sources.append(
            Source(file_names.clean(file_name), key, where=where, digest=hexadecimal, refusal=refusal)
        )

    def _refuse_extra_file(self, field_name: str) -> None:
        if self._form.max_files > 1:
            raise Problem(Code.PAYLOAD_TOO_LARGE, f"There are more than {self._form.max_files} files.")
        self.received.add_fault(field_name, "is given more than once; /api/batch takes several")

    async def _store(self, key: S3Key, head: bytes, rest: AsyncIterator[bytes]) -> ImageFailed | None:
        self._has_stored = True
        if sniff.sniff(head) is None:
            await self._objects.put(key, head[: sniff.HEAD_BYTES], content_type="application/octet-stream")
            code, message = sniff.explain_refusal(head)
            return ImageFailed(message, code=code)
        max_bytes = self._form.max_file_bytes
        with self._memory.for_file() as file, self._handoff.copy(key) as copy:
            size = await self._objects.put_stream(
                key, copy.tee(file.throttle(_limit(head, rest, max_bytes + 1)))
            )
            if size > max_bytes:
                return ImageFailed(f"The file is larger than {max_bytes} bytes.", code=Code.FILE_TOO_LARGE)
            copy.commit(size)
        return None


async def delete_uploads(objects: ObjectStore, upload_id: str) -> None:
    """Delete a request's stored files; if S3 does not answer, the lifecycle rule deletes them later."""
    try:
        await objects.delete_prefix(s3_keys.uploads(upload_id))
    except ImageJobsError as ex:
        log.warning(
            "an upload stays until the lifecycle rule removes it",
            extra={"upload": upload_id, "reason": ex.message},
        )


def _headers(part: BodyPart) -> tuple[str, str | None, bool]:
    """Return the field's name, the file's name if it has one, and whether the part is declared as text."""
    # falcon decodes the header as UTF-8 or fails; old clients send names in Latin-1, and a name is not worth
    # the picture.
    header: bytes = part._headers.get(b"content-disposition", b"")
    try:
        text = header.decode()
    except UnicodeDecodeError:
        text = header.decode("latin-1")
    try:
        is_text = part.content_type.startswith("text/")
    except UnicodeError as ex:
        raise falcon.HTTPBadRequest(description="The type of a part is not ASCII.") from ex
    fields = falcon.parse_header(text)[1]
    return fields.get("name", ""), _file_name(fields), is_text


def _file_name(fields: Mapping[str, str]) -> str | None:
    """Return the file's name, or None if the part is no file; `filename*` (RFC 8187) is the better one."""
    extended = fields.get("filename*", "")
    if name := file_names.decode_extended(extended):
        return name
    return fields.get("filename", "" if "'" in extended else None)


async def _read_head(chunks: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for chunk in chunks:
        head = head + chunk if head else chunk
        if len(head) >= sniff.HEAD_BYTES:
            break
    return head


async def _hash(chunks: AsyncIterator[bytes], digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    async for chunk in chunks:
        digest.update(chunk)
        yield chunk


async def _limit(head: bytes, rest: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    yield head if len(head) <= count else head[:count]
    remaining = count - len(head)
    async for chunk in rest:
        if remaining <= 0:
            return
        yield chunk if len(chunk) <= remaining else chunk[:remaining]
        remaining -= len(chunk)
