"""The calls that take images, `POST /api/resize` and its like: options and images become an ImageJob, and the ImageJob an answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from falcon.asgi import Response

from imagejobs_api.http import prefer
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.progress.waiting import Waiting
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.forms import Form, Source
from imagejobs_api.submit.intake import Accepted, Intake
from imagejobs_api.view import api_urls, image_bodies, states
from imagejobs_api.view.image_bodies import BatchBody, ImageBody
from imagejobs_api.view.links import Links
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State

Accept = Callable[[JobKey, bool], Awaitable[Accepted]]
"""Where the job shall be, and whether it may be there already -> the job."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was accepted, as it stood when the caller would wait no longer.

    Attributes:
        single: It is about one image, which is answered as one.
        base: What links to this API begin with, for this caller.
    """

    job: ImageJob
    sources: Sequence[Source]
    single: bool
    base: str

    @property
    def is_final(self) -> bool:
        """Tell whether the job ended while the caller waited."""
        return self.job.status.state.final


class Submitter:
    """What all calls that take images share: accept, then wait as long as the caller prefers.

    Args:
        wait_seconds: How long the answer about a single image is held by default; that about many is not.
    """

    def __init__(self, waiting: Waiting, signer: Links, wait_seconds: int) -> None:
        self._waiting = waiting
        self._links = signer
        self._wait_seconds = wait_seconds

    async def submit(self, req: Request, resp: Response, accept: Accept) -> Submission:
        """Let a job be accepted, wait, and set all of the answer but its body."""
        base = self._links.base_url(req)
        repeated = idempotency.read(req.get_header(idempotency.HEADER))
        key = req.caller.job_key(
            idempotency.job_name(req.caller, repeated) if repeated else names.new_job_id()
        )
        with self._waiting.watch(key) as watch:
            accepted = await accept(key, repeated is not None)
            resp.context.job_id = key.name
            preference = prefer.read(req.get_header("Prefer"), self._wait_seconds if accepted.single else 0)
            ended = accepted.job.status.state.final
            seen = None if ended else await watch.until_final(preference.wait_seconds, req.receive)
        submission = Submission(seen or accepted.job, accepted.sources, accepted.single, base)
        _set_headers(resp, submission, preference)
        return submission


class Submissions:
    """A call that takes images: what sets it apart from the others is its form."""

    def __init__(
        self, submitter: Submitter, intake: Intake, outcomes: Outcomes, signer: Links, form: Form
    ) -> None:
        self._submitter = submitter
        self._intake = intake
        self._outcomes = outcomes
        self._links = signer
        self._form = form

    async def on_post(self, req: Request, resp: Response) -> None:
        """Take images; answer 200 if all ended while the caller waits, else 202.

        A single one that failed is answered with its error.
        """

        def accept(key: JobKey, repeatable: bool) -> Awaitable[Accepted]:
            return self._intake.accept(req, self._form, key, repeatable=repeatable)

        submission = await self._submitter.submit(req, resp, accept)
        resp.media = await (self._one(submission) if submission.single else self._many(submission))

    async def _one(self, submission: Submission) -> ImageBody:
        job = submission.job
        outcome = await self._outcomes.get(job, 0) if submission.is_final else None
        _raise_failure(job, outcome)
        return image_bodies.image_body(job, outcome, submission.base, self._links)

    async def _many(self, submission: Submission) -> BatchBody:
        job = submission.job
        outcomes = await self._outcomes.get_all(job) if job.status.state != State.PENDING else {}
        refusals = [source.refusal for source in submission.sources]
        return image_bodies.batch_body(job, outcomes, refusals, submission.base, self._links)


def _raise_failure(job: ImageJob, outcome: Outcome | None) -> None:
    if outcome is not None and outcome.code:
        raise Problem(outcome.code, outcome.message, job_id=job.key.name)
    if job.status.state == State.FAILED:
        code, message = states.job_failure(job.status)
        raise Problem(code, message, job_id=job.key.name)


def _set_headers(resp: Response, submission: Submission, preference: prefer.Preference) -> None:
    resp.status = 200 if submission.is_final else 202
    resp.set_header("Cache-Control", "no-store")
    if not submission.is_final:
        resp.set_header("Location", api_urls.progress(submission.base, submission.job.key.name))
    if preference.applied:
        resp.set_header("Preference-Applied", preference.applied)
