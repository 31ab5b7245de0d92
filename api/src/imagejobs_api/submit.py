"""`POST /api/resize` and `POST /api/batch`: options and uploads become an ImageJob, and the ImageJob an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from falcon.asgi import Response

from imagejobs_api import answers, links, prefer, states
from imagejobs_api.connection import Request
from imagejobs_api.errors import Problem
from imagejobs_api.forms import Form, UploadedFile
from imagejobs_api.intake import Intake
from imagejobs_api.links import Links
from imagejobs_api.outcomes import Outcomes
from imagejobs_api.waiting import Waiting
from imagejobs_contract import names
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.names import JobKey
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.status import State


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was accepted, as it stood when the caller would wait no longer.

    Attributes:
        base: What links to this API begin with, for this caller.
    """

    job: ImageJob
    files: Sequence[UploadedFile]
    base: str

    @property
    def is_final(self) -> bool:
        """Tell whether the job ended while the caller waited."""
        return self.job.status.state.final


class Submitter:
    """What all calls that take images share: accept, then wait as long as the caller prefers."""

    def __init__(self, intake: Intake, waiting: Waiting, signer: Links, namespace: str) -> None:
        self._intake = intake
        self._waiting = waiting
        self._links = signer
        self._namespace = namespace

    async def submit(self, req: Request, resp: Response, form: Form, default_wait_seconds: int) -> Submission:
        """Accept a form, wait, and set all of the answer but its body."""
        base = self._links.base(req)
        preference = prefer.read(req.get_header("Prefer"), default_wait_seconds)
        key = JobKey(self._namespace, names.new_job_id())
        with self._waiting.watch(key) as watch:
            accepted = await self._intake.accept(req, form, key)
            resp.context.job_id = key.name
            seen = await watch.until_final(preference.wait_seconds, req.receive)
        submission = Submission(seen or accepted.job, accepted.files, base)
        _set_headers(resp, submission, preference)
        return submission


class Resize:
    """`POST /api/resize`: one image, by default answered when it is done."""

    def __init__(self, submitter: Submitter, outcomes: Outcomes, signer: Links, form: Form, wait_seconds: int) -> None:
        self._submitter = submitter
        self._outcomes = outcomes
        self._links = signer
        self._form = form
        self._wait_seconds = wait_seconds

    async def on_post(self, req: Request, resp: Response) -> None:
        """Take one image; answer 200 with its result, 202 if that takes longer than the caller waits, or its error."""
        submission = await self._submitter.submit(req, resp, self._form, self._wait_seconds)
        job = submission.job
        outcome = await self._outcomes.one(job, 0) if submission.is_final else None
        _raise_failure(job, outcome)
        resp.media = answers.resize_body(job, outcome, submission.base, self._links)


class Batch:
    """`POST /api/batch`: many images, by default answered when they are stored."""

    def __init__(self, submitter: Submitter, outcomes: Outcomes, signer: Links, form: Form) -> None:
        self._submitter = submitter
        self._outcomes = outcomes
        self._links = signer
        self._form = form

    async def on_post(self, req: Request, resp: Response) -> None:
        """Take many images; answer 202, or 200 if the caller waits and all have ended."""
        submission = await self._submitter.submit(req, resp, self._form, default_wait_seconds=0)
        job = submission.job
        outcomes = await self._outcomes.all(job) if job.status.state != State.PENDING else {}
        refusals = [file.refusal for file in submission.files]
        resp.media = answers.batch_body(job, outcomes, refusals, submission.base, self._links)


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
        resp.set_header("Location", links.progress(submission.base, submission.job.key.name))
    if preference.applied:
        resp.set_header("Preference-Applied", preference.applied)
