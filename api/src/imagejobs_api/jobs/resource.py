"""`/api/jobs/{id}`: shows a job, and suspends, resumes, cancels, retries or deletes it.

A command only changes the ImageJob's spec; the operator carries it out. Outputs of a job whose images
have all ended are deleted here. The operator deletes those of a stopped job, because workers may still store
some, and those of a large job with a chosen prefix, because that takes long.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from falcon.asgi import Response

from imagejobs_api.http import json_io, paging
from imagejobs_api.http.connection import Request
from imagejobs_api.jobs import conflicts, copy_as
from imagejobs_api.jobs.copy_as import CopyAs
from imagejobs_api.view import api_urls, job_body, outcomes, states
from imagejobs_api.view.links import Links
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.lookup import find_job, find_readable_job
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.codes import OF_AN_IMAGE
from imagejobs_contract.errors import NotFound
from imagejobs_contract.files.outputs import delete_outputs
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.spec_json import CODE_PATTERN, MAX_CODE_LENGTH, MAX_RETRY_CODES
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore
from imagejobs_contract.reader import Reader
from imagejobs_contract.storage import ObjectStore

MAX_RETRY_BYTES = 4096
TEXT = "text/plain; charset=utf-8"


class Jobs:
    """Shows one job and takes the commands to it; `conflicts` checks whether its state allows them."""

    def __init__(
        self, store: JobStore, counts: LiveCounts, outcomes: Outcomes, objects: ObjectStore, links: Links
    ) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes
        self._objects = objects
        self._links = links

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with everything about the job except the results of its images; with `as`, to be pasted."""
        reader = paging.query_reader(req.params, ("as",))
        form = read_form(reader)
        reader.check()
        job = await find_readable_job(self._store, req.caller, identifier)
        resp.context.job_id = job.key.name
        if form is None:
            await self._respond(req, resp, job)
        else:
            self._copy(req, resp, job, form)

    on_head = on_get

    async def on_get_copy(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer with a text to paste, at an address of its own: generated clients have a type for each."""
        reader = paging.query_reader(req.params, ("as",))
        form = read_form(reader) or CopyAs.CURL
        reader.check()
        job = await find_readable_job(self._store, req.caller, identifier)
        resp.context.job_id = job.key.name
        self._copy(req, resp, job, form)

    on_head_copy = on_get_copy

    def _copy(self, req: Request, resp: Response, job: ImageJob, form: CopyAs) -> None:
        base = self._links.base_url(req)
        resp.text = copy_as.render(job, form, base, with_keys=self._links.with_keys)
        resp.content_type = TEXT
        resp.set_header("Cache-Control", "no-store")

    async def on_post_suspend(self, req: Request, resp: Response, identifier: str) -> None:
        """Suspend the job: 202; 200 if it is suspended already, 409 if it has ended or is being cancelled."""
        await self._set_suspend(req, resp, identifier, True)

    async def on_post_resume(self, req: Request, resp: Response, identifier: str) -> None:
        """Resume the job: 202; 200 if it is not suspended, 409 if it has ended or is being cancelled."""
        await self._set_suspend(req, resp, identifier, False)

    async def on_post_cancel(self, req: Request, resp: Response, identifier: str) -> None:
        """Cancel the job: 202; 200 if it is cancelled already, 409 if it ended otherwise."""
        job = await self._find(req, resp, identifier)
        conflicts.check_cancel(job)
        if job.status.state is not State.CANCELLED:
            job = await self._change(job, lambda spec: replace(spec, cancel=True), conflicts.check_cancel)
            _set_accepted(resp, api_urls.progress(self._links.base_url(req), job.key.name))
        await self._respond(req, resp, job)

    async def on_post_retry(self, req: Request, resp: Response, identifier: str) -> None:
        """Run failed images again: 202; 409 if the job still runs, was cancelled, or has none that may pass.

        The body may name the codes of the images to run.
        """
        asked = await _read_codes(req)
        job = await self._find(req, resp, identifier)
        conflicts.check_retry(job)
        codes = conflicts.retry_codes(job, asked)
        # The number of this attempt, not one more than before: a request that comes twice causes one retry.
        attempts = states.attempt(job.status)
        job = await self._change(job, lambda spec: _with_retry(spec, attempts, codes), conflicts.check_retry)
        _set_accepted(resp, api_urls.progress(self._links.base_url(req), job.key.name))
        await self._respond(req, resp, job)

    async def on_post_callback(self, req: Request, resp: Response, identifier: str) -> None:
        """Send the callback again under its id: 202; 409 if the job still runs or has none."""
        job = await self._find(req, resp, identifier)
        conflicts.check_callback(job)
        sent = job.status.callback.repeats if job.status.callback else 0
        # As for retries: a request that comes twice before the operator sees it sends one callback.
        job = await self._change(
            job,
            lambda spec: replace(spec, repeat_callback=max(spec.repeat_callback, sent + 1)),
            conflicts.check_callback,
        )
        _set_accepted(resp, api_urls.job(self._links.base_url(req), job.key.name))
        await self._respond(req, resp, job)

    async def on_delete(self, req: Request, resp: Response, identifier: str) -> None:
        """Delete the job; with `outputs=true` its outputs first, so that a failed request can be repeated.

        The outputs of a stopped job are deleted by the operator, after the last worker has stored its
        results; the record stays until then.
        """
        reader = paging.query_reader(req.params, ("outputs",))
        with_outputs = read_deletion(reader)
        reader.check()
        job = await self._find(req, resp, identifier)
        if with_outputs and not _deletes_outputs_later(job):
            conflicts.check_outputs(job)
            await self._delete_or_schedule_outputs(job)
        await self._store.delete(job.key, job.uid)
        resp.status = 204

    async def _find(self, req: Request, resp: Response, identifier: str) -> ImageJob:
        job = await find_job(self._store, req.caller, identifier)
        resp.context.job_id = job.key.name
        return job

    async def _change(
        self, job: ImageJob, change: Callable[[Spec], Spec], check: Callable[[ImageJob], None]
    ) -> ImageJob:
        """Change the spec if its state still allows it: between look and change the job may have ended."""

        def check_again(present: ImageJob) -> None:
            if present.uid != job.uid:
                raise NotFound(f"{job.key} was deleted, and another job has its name")
            check(present)

        return await self._store.change_spec(job.key, change, check_again)

    async def _set_suspend(self, req: Request, resp: Response, identifier: str, suspend: bool) -> None:
        job = await self._find(req, resp, identifier)
        conflicts.check_suspend(job)
        is_done = (job.status.state is State.SUSPENDED) is suspend
        if job.spec.suspend is not suspend or not is_done:
            job = await self._change(
                job, lambda spec: replace(spec, suspend=suspend), conflicts.check_suspend
            )
            _set_accepted(resp, api_urls.progress(self._links.base_url(req), job.key.name))
        await self._respond(req, resp, job)

    async def _respond(self, req: Request, resp: Response, job: ImageJob) -> None:
        base = self._links.base_url(req)
        resp.media = job_body.details_body(job, await self._counts.get(job), base, self._links)
        resp.set_header("Cache-Control", "no-store")

    async def _delete_or_schedule_outputs(self, job: ImageJob) -> None:
        if (job.status.state.stopped or _takes_long(job)) and not job.deleting:
            await self._store.add_finalizer(job, names.FINALIZER)
        else:  # also for a job that is being deleted already: it takes no new finalizer
            await delete_outputs(self._objects, job, self._read_ended(job))

    async def _read_ended(self, job: ImageJob) -> AsyncIterator[Sequence[Outcome]]:
        for span in outcomes.spans(job):
            found = await self._outcomes.get_range(job, span)
            yield [found[index] for index in span if index in found]


def read_form(reader: Reader) -> CopyAs | None:
    """Return the form in which a job is to be pasted; None for the job itself."""
    return reader.choice("as", CopyAs)


def read_deletion(reader: Reader) -> bool:
    """Return whether the outputs are to be deleted too."""
    return reader.boolean("outputs")


def _deletes_outputs_later(job: ImageJob) -> bool:
    """Return whether the operator deletes the outputs when the job is deleted."""
    return names.FINALIZER in job.finalizers


def _takes_long(job: ImageJob) -> bool:
    """Return whether more outputs may have to be looked at, one by one, than a request should wait for."""
    return job.spec.total > limits.MAX_ITEMS and not job.has_own_prefix


def read_retry(reader: Reader) -> tuple[str, ...]:
    """Return the codes in the body of a retry; () if it names none. Faults go to the reader."""
    codes = reader.texts("codes", MAX_RETRY_CODES, MAX_CODE_LENGTH, CODE_PATTERN, "a code of an image")
    for each in sorted(set(codes) - set(OF_AN_IMAGE)):
        reader.fault("codes", f"{each!r} is no code of an image; those are {' '.join(OF_AN_IMAGE)}")
    return codes


async def _read_codes(req: Request) -> tuple[str, ...]:
    if json_io.check_head(req, MAX_RETRY_BYTES) == 0 or (req.content_length is None and not req.content_type):
        return ()
    reader = Reader(await json_io.read(req, MAX_RETRY_BYTES))
    reader.unknown(("codes",))
    codes = read_retry(reader)
    reader.check()
    return codes


def _with_retry(spec: Spec, attempts: int, codes: tuple[str, ...]) -> Spec:
    if spec.retry_failed < attempts:
        return replace(spec, retry_failed=attempts, retry_codes=codes)
    # Another retry was asked for and has not begun: both are one, of the images of both.
    both = tuple(sorted({*spec.retry_codes, *codes})) if spec.retry_codes and codes else ()
    return replace(spec, retry_codes=both)


def _set_accepted(resp: Response, location: str) -> None:
    resp.status = 202
    resp.set_header("Location", location)
