"""Takes a request's form in and stores the ImageJob that it asks for: all of it, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.admission.upload_memory import MemoryBudget
from imagejobs_api.http import filenames, json_body
from imagejobs_api.http.connection import Request, body_chunks
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.build import build_job
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.form_reader import FormReader, delete_uploads
from imagejobs_api.submit.forms import Form, Source
from imagejobs_api.submit.handoff_writer import HandoffWriter
from imagejobs_api.submit.url_reader import UrlReader
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import AlreadyExists, Invalid, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import DeletionPolicy
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.ports import JobStore
from imagejobs_contract.storage import ObjectStore


@dataclass(frozen=True, slots=True)
class CreatedJob:
    """A stored job, and the images it was made of.

    Attributes:
        single: It is about one image, which is answered as one.
    """

    job: ImageJob
    sources: Sequence[Source]
    single: bool


class JobCreator:
    """Stores jobs, and what goes with that: an end to files that no job owns."""

    def __init__(self, store: JobStore, objects: ObjectStore) -> None:
        self._store = store
        self._objects = objects

    async def create(self, job: ImageJob, upload_id: str, *, repeatable: bool) -> ImageJob:
        """Return the job once it is stored durably, or the one that an earlier request of the same content made.

        Args:
            upload_id: What was stored for it, "" for nothing.

        Raises:
            ImageJobsError: There is no job, and nothing is kept.
        """
        if job.spec.output.deletion_policy is DeletionPolicy.DELETE:
            job = replace(job, finalizers=(names.FINALIZER,))
        try:
            return await self._store.create(job)
        except (Invalid, AlreadyExists) as ex:
            if upload_id:
                await delete_uploads(self._objects, upload_id)
            if repeatable and isinstance(ex, AlreadyExists):
                return await self._after_all(job)
            raise
        # After Unavailable the job may be there all the same, and needs its uploads; if not, the lifecycle
        # rule removes them.

    async def find_earlier(self, job: ImageJob) -> ImageJob | None:
        """Return the job of an earlier request of the same content.

        Raises:
            Problem: There is one of another content.
        """
        try:
            return await self._earlier(job)
        except NotFound:
            return None

    async def _after_all(self, job: ImageJob) -> ImageJob:
        try:
            return await self._earlier(job)
        except NotFound as ex:
            raise Problem(
                Code.CONFLICT, "The job of this request was deleted just now.", retry_after_seconds=1
            ) from ex

    async def _earlier(self, job: ImageJob) -> ImageJob:
        earlier = await self._store.get(job.key)
        if not idempotency.is_repetition(job, earlier):
            raise Problem(Code.IDEMPOTENCY_MISMATCH, job_id=job.key.name)
        return earlier


class FormIntake:
    """Takes a form in and stores the job that it asks for."""

    def __init__(
        self,
        creation: JobCreator,
        objects: ObjectStore,
        shelf: HandoffWriter,
        quotas: Quotas,
        limits: Limits,
        guard: AddressGuard,
        callbacks: CallbackUrls,
    ) -> None:
        self._creation = creation
        self._objects = objects
        self._shelf = shelf
        self._quotas = quotas
        self._limits = limits
        self._held = MemoryBudget(limits.max_held_bytes)
        self._guard = guard
        self._callbacks = callbacks

    async def accept(self, req: Request, form: Form, key: JobKey, *, repeatable: bool = False) -> CreatedJob:
        """Return the job once it is stored durably.

        Args:
            repeatable: The job may be there already, from an earlier request of the same content.

        Raises:
            ImageJobsError: Nothing was accepted, and nothing is kept.
        """
        length = json_body.check_head(req, form.max_body_bytes)
        await self._quotas.check_queue(req.caller)
        self._held.check()
        with self._quotas.receiving(length, req.caller):
            reader = self._reader(form, key, repeatable=repeatable)
            _take_query(reader, req.params)
            async with reader.discarding():
                received = await reader.read(body_chunks(req.receive, form.max_body_bytes), req.content_type)
                job = build_job(
                    key,
                    received,
                    form,
                    req.get_header("Accept"),
                    self._limits,
                    self._callbacks.for_caller(req.caller.name),
                )
                job = req.origin.annotate(req.caller.with_label(job))
            if repeatable:
                job = idempotency.with_fingerprint(job, idempotency.fingerprint_form(req.path, received))
            created = await self._creation.create(job, received.upload_id, repeatable=repeatable)
        return CreatedJob(created, received.sources, received.single)

    def _reader(self, form: Form, key: JobKey, *, repeatable: bool) -> FormReader | UrlReader:
        if form.takes_urls:
            return UrlReader(form, self._guard)
        # What a repeated request brings along must not lie where the first one's files are read from.
        upload_id = names.new_job_id() if repeatable else key.name
        return FormReader(self._objects, self._shelf, form, upload_id, self._held, digests=repeatable)


def _take_query(reader: FormReader | UrlReader, params: Mapping[str, str | list[str]]) -> None:
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            reader.add_field(filenames.clean(name)[:60], each)
