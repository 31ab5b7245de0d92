"""`GET /api/jobs/{id}/archive`: all outputs of a job that has ended as one zip, made while it is sent.

`Content-Length` is sent, so that browsers show progress and every client notices a cut. If a file cannot be
sent as announced, the connection ends: a zip that looks whole is never incomplete.

`Range` is ignored (RFC 9110, section 14.2): the directory at the end holds a checksum of each file, so a
request that starts in the middle would read everything before it from S3 again. Clients ask for a range of
images instead.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import StrEnum

from falcon.asgi import Response

from imagejobs_api.admission.stream_limits import StreamLimit
from imagejobs_api.archive import packing, zip_format
from imagejobs_api.archive.contents import Contents, ContentsReader
from imagejobs_api.archive.failed_sources import MAX_SOURCES, FailedSources
from imagejobs_api.archive.packing import Packer
from imagejobs_api.archive.zip_format import Timestamp
from imagejobs_api.http import paging
from imagejobs_api.http.connection import Request, is_gone, until_disconnected
from imagejobs_api.http.errors import Problem
from imagejobs_api.view import states
from imagejobs_api.view.lookup import find_readable_job
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageJobsError, TooLarge
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.limits import MAX_MANIFEST_ITEMS
from imagejobs_contract.ports import JobStore
from imagejobs_contract.reader import Reader

ZIP = "application/zip"


class ArchiveOf(StrEnum):
    """The files in an archive."""

    RESULTS = "results"
    FAILED_SOURCES = "failed-sources"


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """The archive that a query asks for.

    Attributes:
        first: Number of its first image.
        count: How many images.
    """

    first: int
    count: int
    of: ArchiveOf = ArchiveOf.RESULTS


class Archives:
    """Sends archives: `ContentsReader` finds their files, `Packer` makes the bytes.

    Args:
        streams: Counts the archives that are being sent, and limits them.
        max_files: Files in one archive.
    """

    def __init__(
        self,
        store: JobStore,
        contents_reader: ContentsReader,
        failed_sources: FailedSources,
        packer: Packer,
        streams: StreamLimit,
        max_files: int,
    ) -> None:
        self._store = store
        self._contents_reader = contents_reader
        self._failed_sources = failed_sources
        self._packer = packer
        self._streams = streams
        self._max_files = max_files

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with the zip.

        409 while the job runs or if there is no file for it, 410 if all results were deleted.
        """
        job = await find_readable_job(self._store, req.caller, identifier)
        resp.context.job_id = job.key.name
        await self.respond(req, resp, job, read_archive)

    on_head = on_get

    async def respond(
        self, req: Request, resp: Response, job: ImageJob, read: Callable[[Reader], ArchiveRequest]
    ) -> None:
        """Answer with the zip of a job that was found.

        Args:
            read: Reads the query.
        """
        request, images = _read_query(req.params, job, read)
        _check_ended(job)
        self._streams.check(req.caller.name)
        with self._streams.counting(req.caller.name):
            contents = await self._read_contents(job, request, images)
        self._streams.check(req.caller.name)
        stamp = Timestamp.from_time(job.status.completed or job.created or zip_format.EARLIEST)
        resp.content_type = ZIP
        resp.content_length = zip_format.archive_bytes(packing.zip_members(contents), stamp)
        resp.set_header("Content-Disposition", f'attachment; filename="{_file_name(job, request, images)}"')
        resp.set_header("Accept-Ranges", "none")
        resp.set_header("Cache-Control", "no-store, no-transform")
        resp.set_header("X-Accel-Buffering", "no")  # otherwise nginx buffers up to 1 GB on its disk
        resp.stream = self._stream(req, job, contents, stamp)

    async def _read_contents(self, job: ImageJob, request: ArchiveRequest, images: range) -> Contents:
        if request.of is ArchiveOf.RESULTS:
            self._check_count(job, images)
            contents = await self._contents_reader.read(job, images)
            _check_contents(job, contents)
            return contents
        try:
            contents = await self._failed_sources.read(job, images)
        except TooLarge as ex:
            share = f"?of={request.of}&first=0&count={MAX_SOURCES}"
            message = f"More than {MAX_SOURCES} images failed: ask for parts, {share} and so on."
            raise Problem(Code.CONFLICT, message, job_id=job.key.name, retryable=False) from ex
        if not contents.files and not contents.missing:
            raise Problem(Code.CONFLICT, "None of these images failed.", job_id=job.key.name, retryable=False)
        return contents

    def _check_count(self, job: ImageJob, images: range) -> None:
        variants = len(job.spec.variants)
        if len(images) * variants > self._max_files:
            share = max(1, self._max_files // variants)
            message = (
                f"An archive holds at most {self._max_files} files: ask for parts of {share} images, "
                f"?first=0&count={share} and so on."
            )
            raise Problem(Code.CONFLICT, message, job_id=job.key.name, retryable=False)

    async def _stream(
        self, req: Request, job: ImageJob, contents: Contents, stamp: Timestamp
    ) -> AsyncIterator[bytes]:
        gone = asyncio.ensure_future(until_disconnected(req.receive))
        try:
            with self._streams.counting(req.caller.name):
                async with aclosing(self._packer.pack(contents, stamp)) as parts:
                    async for part in parts:
                        if is_gone(gone):
                            return
                        yield part
        except ImageJobsError as ex:
            log.warning(
                "an archive was cut",
                extra={"job_id": job.key.name, "code": ex.code.value, "reason": ex.message},
            )
            raise
        finally:
            gone.cancel()


def read_range(reader: Reader) -> ArchiveRequest:
    """Return the part of the results that a query asks for."""
    first = reader.integer("first", 0, MAX_MANIFEST_ITEMS, 0) or 0
    count = reader.integer("count", 1, MAX_MANIFEST_ITEMS, MAX_MANIFEST_ITEMS) or MAX_MANIFEST_ITEMS
    return ArchiveRequest(first, count)


def read_archive(reader: Reader) -> ArchiveRequest:
    """Return the files, and the part of them, that a query asks for."""
    of = reader.choice("of", ArchiveOf, ArchiveOf.RESULTS) or ArchiveOf.RESULTS
    return replace(read_range(reader), of=of)


def _read_query(
    params: Mapping[str, str | list[str]], job: ImageJob, read: Callable[[Reader], ArchiveRequest]
) -> tuple[ArchiveRequest, range]:
    known = ("of", "first", "count") if read is read_archive else ("first", "count")
    reader = paging.query_reader(params, known)
    request = read(reader)
    if request.first >= job.spec.total:
        reader.fault("first", f"{request.first} is beyond the job's {job.spec.total} images")
    reader.check()
    return request, range(request.first, min(request.first + request.count, job.spec.total))


def _check_ended(job: ImageJob) -> None:
    state = states.job_state(job)
    if not state.final:
        raise Problem(
            Code.CONFLICT,
            f"The job is {state}: its archive can be had when it has ended.",
            job_id=job.key.name,
            retry_after_seconds=1,
        )


def _check_contents(job: ImageJob, contents: Contents) -> None:
    if contents.files:
        return
    if contents.gone:
        raise Problem(Code.EXPIRED, job_id=job.key.name)
    message = "None of these images has a result; /results tells why."
    raise Problem(Code.CONFLICT, message, job_id=job.key.name, retryable=False)


def _file_name(job: ImageJob, request: ArchiveRequest, images: range) -> str:
    kind = "" if request.of is ArchiveOf.RESULTS else f"-{request.of}"
    part = "" if len(images) == job.spec.total else f"-{images.start}-{images.stop - 1}"
    return f"{job.key.name}{kind}{part}.zip"
