"""Takes the JSON of `POST /api/jobs` in and stores the ImageJob that it asks for: all of it, or nothing."""

import asyncio
import math
import time
from dataclasses import replace
from typing import Any

from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.callers.caller import Caller
from imagejobs_api.callers.permissions import Allowance
from imagejobs_api.http import json_body
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.callback_url import Callbacks
from imagejobs_api.submit.form_reader import discard
from imagejobs_api.submit.intake import Accepted, Creation
from imagejobs_api.submit.items import Gather, Images
from imagejobs_api.submit.job_request import JobRequest, Rights, read_request
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey, S3Key
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys, source_prefixes

LIST_SECONDS = 240.0
"""Longest making of a list; a million keys take some tens of seconds."""


class Orders:
    """Takes requests in."""

    def __init__(
        self,
        creation: Creation,
        objects: ObjectStore,
        quotas: Quotas,
        known: Limits,
        guard: AddressGuard,
        callbacks: Callbacks,
        allowance: Allowance,
    ) -> None:
        self._creation = creation
        self._objects = objects
        self._quotas = quotas
        self._limits = known
        self._guard = guard
        self._callbacks = callbacks
        self._allowance = allowance
        self._gather = Gather(objects, known.max_manifest_bytes)

    async def accept(self, req: Request, key: JobKey, *, repeatable: bool) -> Accepted:
        """Return the job once it is stored durably.

        Args:
            repeatable: The job may be there already, from an earlier request of the same content.

        Raises:
            ImageJobsError: Nothing was accepted, and nothing is kept.
        """
        length = json_body.check_head(req, self._limits.max_job_body_bytes)
        await self._quotas.check_queue(req.caller)
        with self._quotas.receiving(length, req.caller):
            body = await json_body.read(req, self._limits.max_job_body_bytes)
            request = await self._read(body, req.caller)
            draft = req.origin.annotate(
                req.caller.marked(ImageJob(key, request.terms, annotations=_titled(request)))
            )
            if repeatable:
                draft = idempotency.marked(draft, idempotency.fingerprint_of(req.path, body))
                if earlier := await self._creation.earlier_if_any(draft):
                    return Accepted(earlier, (), single=False)
        return Accepted(
            await self._store(draft, request, req.caller, repeatable=repeatable), (), single=False
        )

    async def _read(self, body: dict[str, Any], caller: Caller) -> JobRequest:
        rights = Rights(self._allowance.sources(caller), self._allowance.outputs(caller), time.time())
        arguments = (
            body,
            rights,
            self._guard,
            self._callbacks.of(caller.name),
            math.ceil(self._limits.job_seconds),
        )
        if not isinstance(body.get("items"), list) or len(body["items"]) <= limits.MAX_ITEMS:
            return read_request(*arguments)
        # Tens of thousands of images take seconds to read: others shall not wait for it.
        with self._quotas.listing():
            return await asyncio.to_thread(read_request, *arguments)

    async def _store(
        self, draft: ImageJob, request: JobRequest, caller: Caller, *, repeatable: bool
    ) -> ImageJob:
        # Not the job's name, which a repeated request shares with the first one.
        upload_id = names.new_job_id()
        try:
            images = await self._images(request, s3_keys.upload_manifest(upload_id))
            job = replace(draft, spec=replace(draft.spec, items=images.items, manifest=images.manifest))
            self._quotas.check_images(caller, job.spec.total)
        except BaseException:
            if request.may_be_long:
                await discard(self._objects, upload_id)
            raise
        if images.manifest:
            job = replace(
                job, annotations={**job.annotations, **_listed(upload_id, self._allowance.sources(caller))}
            )
        return await self._creation.create(job, upload_id if images.manifest else "", repeatable=repeatable)

    async def _images(self, request: JobRequest, list_key: S3Key) -> Images:
        if not request.may_be_long:
            return await self._gather.images(request, list_key)
        with self._quotas.listing():
            try:
                async with asyncio.timeout(LIST_SECONDS):
                    return await self._gather.images(request, list_key)
            except TimeoutError as ex:
                raise Problem(Code.UNAVAILABLE, "The list of images could not be made in time.") from ex


def _titled(request: JobRequest) -> dict[str, str]:
    return {names.ANNOTATION_TITLE: request.title} if request.title else {}


def _listed(upload_id: str, prefixes: tuple[str, ...]) -> dict[str, str]:
    return {
        names.ANNOTATION_UPLOADS: s3_keys.uploads(upload_id),
        names.ANNOTATION_SOURCES: source_prefixes.format_annotation(prefixes),
    }
