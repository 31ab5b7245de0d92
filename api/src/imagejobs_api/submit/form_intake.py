"""From a form with files or URLs to the stored ImageJob: all of it, or nothing."""

from collections.abc import Mapping

from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.admission.upload_memory import MemoryBudget
from imagejobs_api.http import json_io
from imagejobs_api.http.connection import Request, body_chunks
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.build import build_job
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.creation import CreatedJob, JobCreator
from imagejobs_api.submit.earlier_images import EarlierImages
from imagejobs_api.submit.form_reader import FormReader
from imagejobs_api.submit.forms import Form
from imagejobs_api.submit.handoff_writer import HandoffWriter
from imagejobs_api.submit.url_reader import UrlReader
from imagejobs_contract.model import names
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import file_names


class FormIntake:
    """Reads a form, stores its files and creates its job.

    Checks the quotas, lets a `FormReader` or `UrlReader` read the body, `build_job` make an ImageJob of it
    and `JobCreator` store that. The `FormResource`s share one, which lives as long as the app.
    """

    def __init__(
        self,
        creator: JobCreator,
        objects: ObjectStore,
        handoff: HandoffWriter,
        quotas: Quotas,
        limits: Limits,
        guard: AddressGuard,
        callbacks: CallbackUrls,
        presets: Presets,
        earlier: EarlierImages,
    ) -> None:
        self._creator = creator
        self._objects = objects
        self._handoff = handoff
        self._quotas = quotas
        self._limits = limits
        self._memory = MemoryBudget(limits.max_held_bytes)
        self._guard = guard
        self._callbacks = callbacks
        self._presets = presets
        self._earlier = earlier

    async def accept(self, req: Request, form: Form, key: JobKey, *, repeatable: bool = False) -> CreatedJob:
        """Return the job once it is stored durably.

        Args:
            key: The job's namespace and name.
            repeatable: An earlier request of the same content may have made the job already.

        Raises:
            ImageJobsError: Nothing was accepted; the stored files are deleted, except after `Unavailable`.
        """
        length = json_io.check_head(req, form.max_body_bytes)
        await self._quotas.check_queue(req.caller)
        if form.is_sample:
            self._quotas.check_samples(req.caller)
        self._memory.check()
        with self._quotas.reserve_bytes(length, req.caller):
            reader = self._make_reader(form, key, req.caller.name, repeatable=repeatable)
            _add_query(reader, req.params)
            async with reader.discarding():
                received = await reader.read(body_chunks(req.receive, form.max_body_bytes), req.content_type)
                if form.is_sample:
                    await self._earlier.resolve(received, req.caller)
                callbacks = self._callbacks.for_caller(req.caller.name)
                job = build_job(
                    key, received, form, req.get_header("Accept"), self._limits, callbacks, self._presets
                )
                job = req.origin.annotate(req.caller.with_label(job))
            if repeatable:
                job = idempotency.with_fingerprint(job, idempotency.fingerprint_form(req.path, received))
            created = await self._creator.create(job, received.upload_id, repeatable=repeatable)
        return CreatedJob(created, received.sources, received.single)

    def _make_reader(
        self, form: Form, key: JobKey, caller: CallerName, *, repeatable: bool
    ) -> FormReader | UrlReader:
        if form.takes_urls:
            return UrlReader(form, self._guard.for_caller(caller))
        # The job of the first request reads its files from the prefix of its own upload: the files of a
        # repetition must not overwrite them.
        upload_id = names.new_job_id() if repeatable else key.name
        return FormReader(self._objects, self._handoff, form, upload_id, self._memory, digests=repeatable)


def _add_query(reader: FormReader | UrlReader, params: Mapping[str, str | list[str]]) -> None:
    for name, value in params.items():
        for each in value if isinstance(value, list) else [value]:
            reader.add_field(file_names.clean(name)[:60], each)
