"""From the JSON of `POST /api/jobs` to the stored ImageJob: all of it, or nothing."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.callers.caller import Caller
from imagejobs_api.callers.permissions import ClusterRights, Prefixes
from imagejobs_api.http import json_io
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.creation import CreatedJob, JobCreator
from imagejobs_api.submit.form_reader import delete_uploads
from imagejobs_api.submit.items import ItemCollector, ItemsOrManifest
from imagejobs_api.submit.job_request import JobRequest, Permissions, read_request
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey, S3Key
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys, source_prefixes

T = TypeVar("T")
MAX_LISTING_SECONDS = 240.0
"""How long making a list may take; a million keys take some tens of seconds."""


class Run(Protocol):
    """Runs work at once, or in the thread for large bodies."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Return the result of the work."""
        ...


class JobIntake:
    """Reads the JSON of a job, collects its images and creates it.

    Checks the quotas, then lets `read_request` read the body, `ItemCollector` collect the images and
    `JobCreator` store the job. `POST /api/jobs` has one, as long as the app lives.
    """

    def __init__(
        self,
        creator: JobCreator,
        objects: ObjectStore,
        quotas: Quotas,
        server_limits: Limits,
        guard: AddressGuard,
        callbacks: CallbackUrls,
        prefixes: Prefixes,
        cluster: ClusterRights,
        presets: Presets,
    ) -> None:
        self._creator = creator
        self._objects = objects
        self._quotas = quotas
        self._limits = server_limits
        self._guard = guard
        self._callbacks = callbacks
        self._prefixes = prefixes
        self._cluster = cluster
        self._presets = presets
        self._collector = ItemCollector(objects, server_limits.max_manifest_bytes)

    async def accept(self, req: Request, key: JobKey, *, repeatable: bool) -> CreatedJob:
        """Return the job once it is stored durably.

        Args:
            key: The job's namespace and name.
            repeatable: An earlier request of the same content may have made the job already.

        Raises:
            ImageJobsError: Nothing was accepted; the stored list is deleted, except after `Unavailable`.
        """
        length = json_io.check_head(req, self._limits.max_job_body_bytes)
        await self._quotas.check_queue(req.caller)
        with self._quotas.reserve_bytes(length, req.caller):
            body = await json_io.read(req, self._limits.max_job_body_bytes)
            run = json_io.run_apart if length > json_io.THREAD_BYTES else _run_here
            request = await self._read(body, req.caller, run)
            draft = ImageJob(key, request.settings, annotations=self._annotations(request, req.caller))
            draft = req.origin.annotate(req.caller.with_label(draft))
            if repeatable:
                fingerprint = await run(partial(idempotency.fingerprint_job, req.path, body))
                draft = idempotency.with_fingerprint(draft, fingerprint)
                if earlier := await self._creator.find_earlier(draft):
                    return CreatedJob(earlier, (), single=False)
        created = await self._create(draft, request, req.caller, repeatable=repeatable)
        return CreatedJob(created, (), single=False)

    async def _read(self, body: dict[str, Any], caller: Caller, run: Run) -> JobRequest:
        prefixes, callbacks = self._prefixes, self._callbacks.for_caller(caller.name)
        permissions = Permissions(
            prefixes.sources(caller),
            prefixes.outputs(caller),
            time.time(),
            self._cluster.priority_classes(caller),
            self._cluster.queues(caller),
        )
        read = partial(
            read_request,
            body,
            permissions,
            self._guard.for_caller(caller.name),
            callbacks,
            self._presets,
            math.ceil(self._limits.job_seconds),
        )
        # Tens of thousands of images take seconds to read, and 500 with the longest names and URLs a tenth of
        # one: other requests must not wait for that.
        if not isinstance(body.get("items"), list) or len(body["items"]) <= limits.MAX_ITEMS:
            return await run(read)
        with self._quotas.hold_list_slot():
            return await json_io.run_apart(read)

    async def _create(
        self, draft: ImageJob, request: JobRequest, caller: Caller, *, repeatable: bool
    ) -> ImageJob:
        # A fresh id, not the job's name: a repeated request shares the name with the first one.
        upload_id = names.new_job_id()
        try:
            images = await self._images(request, s3_keys.upload_manifest(upload_id))
            job = replace(draft, spec=replace(draft.spec, items=images.items, manifest=images.manifest))
            self._quotas.check_images(caller, job.spec.total)
        except BaseException:
            if request.may_need_manifest:
                await delete_uploads(self._objects, upload_id)
            raise
        if images.manifest:
            job = replace(
                job,
                annotations={**job.annotations, names.ANNOTATION_UPLOADS: s3_keys.uploads(upload_id)},
            )
        return await self._creator.create(job, upload_id if images.manifest else "", repeatable=repeatable)

    def _annotations(self, request: JobRequest, caller: Caller) -> dict[str, str]:
        sources = source_prefixes.format_annotation(self._prefixes.sources(caller))
        return {names.ANNOTATION_SOURCES: sources, **_title_annotation(request)}

    async def _images(self, request: JobRequest, list_key: S3Key) -> ItemsOrManifest:
        if not request.may_need_manifest:
            return await self._collector.collect(request, list_key)
        with self._quotas.hold_list_slot():
            try:
                async with asyncio.timeout(MAX_LISTING_SECONDS):
                    return await self._collector.collect(request, list_key)
            except TimeoutError as ex:
                raise Problem(Code.UNAVAILABLE, "The list of images could not be made in time.") from ex


async def _run_here(work: Callable[[], T], /) -> T:
    return work()


def _title_annotation(request: JobRequest) -> dict[str, str]:
    return {names.ANNOTATION_TITLE: request.title} if request.title else {}
