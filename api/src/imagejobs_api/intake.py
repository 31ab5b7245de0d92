"""Takes a request's form in and stores the ImageJob that it asks for: all of it, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagejobs_api import filenames
from imagejobs_api.build import build_job
from imagejobs_api.connection import Request, body_chunks
from imagejobs_api.errors import Problem
from imagejobs_api.forms import Form, Received, UploadedFile
from imagejobs_api.live import LiveBoard
from imagejobs_api.quotas import Quotas
from imagejobs_api.uploads import FormReader, discard
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import AlreadyExists, Invalid
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.limits import Limits
from imagejobs_contract.names import JobKey
from imagejobs_contract.ports import JobStore, ObjectStore


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored job, and the files it was made of."""

    job: ImageJob
    files: Sequence[UploadedFile]


class Intake:
    """Takes a form in and stores the job that it asks for."""

    def __init__(self, store: JobStore, board: LiveBoard, objects: ObjectStore, quotas: Quotas, limits: Limits) -> None:
        self._store = store
        self._board = board
        self._objects = objects
        self._quotas = quotas
        self._limits = limits

    async def accept(self, req: Request, form: Form, key: JobKey) -> Accepted:
        """Return the job once it is stored durably.

        Raises:
            ImageJobsError: Nothing was accepted, and nothing is kept.
        """
        length = _expected_bytes(req, form)
        await self._quotas.check_queue()
        with self._quotas.receiving(length):
            reader = FormReader(self._objects, form, key.name)
            _add_query(reader.received, req.params)
            async with reader.discarding():
                received = await reader.read(body_chunks(req.receive, form.max_body_bytes), req.content_type)
                job = build_job(key, received, form, req.get_header("Accept"), self._limits)
            created = await self._create(job)
        await self._board.start(created.uid, created.spec.total)
        return Accepted(created, received.files)

    async def _create(self, job: ImageJob) -> ImageJob:
        try:
            return await self._store.create(job)
        except (Invalid, AlreadyExists):
            await discard(self._objects, job.key.name)
            raise
        # After Unavailable the job may be there all the same, and needs its uploads; if not, the lifecycle rule removes them.


def _add_query(received: Received, params: Mapping[str, str | list[str]]) -> None:
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            received.add_option(filenames.clean(name)[:60], each)


def _expected_bytes(req: Request, form: Form) -> int:
    """Return how large the body will be, or can become; refuse one that says it is too large."""
    length = form.max_body_bytes if req.content_length is None else req.content_length
    if length > form.max_body_bytes:
        raise Problem(Code.PAYLOAD_TOO_LARGE, f"The body has {length} bytes; {form.max_body_bytes} are allowed.")
    return length
