"""The calls that take images by a form, `POST /api/resize` and its siblings."""

from collections.abc import Sequence

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit.form_intake import FormIntake
from imagejobs_api.submit.forms import Form, Source
from imagejobs_api.submit.preferred_wait import PreferredWait
from imagejobs_api.view import image_bodies, states
from imagejobs_api.view.image_bodies import BatchBody, ImageBody
from imagejobs_api.view.links import Links
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State


class FormResource:
    """One call that takes images. The calls differ in their `Form` only.

    `FormIntake` makes the job, `PreferredWait` holds the answer, `image_bodies` renders it.
    """

    def __init__(
        self, wait: PreferredWait, intake: FormIntake, outcomes: Outcomes, links: Links, form: Form
    ) -> None:
        self._wait = wait
        self._intake = intake
        self._outcomes = outcomes
        self._links = links
        self._form = form

    async def on_post(self, req: Request, resp: Response) -> None:
        """Make a job of the form; answer 200 if all images ended while the caller waited, else 202.

        Raises:
            Problem: A single image failed: its error is the answer.
        """
        with self._wait.watching(req) as pending:
            created = await self._intake.accept(req, self._form, pending.key, repeatable=pending.repeatable)
            job = await pending.wait(req, resp, created)
        if created.single:
            resp.media = await self._image_body(job, pending.base)
        else:
            resp.media = await self._batch_body(job, created.sources, pending.base)

    async def _image_body(self, job: ImageJob, base: str) -> ImageBody:
        outcome = await self._outcomes.get(job, 0) if job.status.state.final else None
        _raise_failure(job, outcome)
        return image_bodies.image_body(job, outcome, base, self._links)

    async def _batch_body(self, job: ImageJob, sources: Sequence[Source], base: str) -> BatchBody:
        outcomes = await self._outcomes.get_all(job) if job.status.state is not State.PENDING else {}
        refusals = [source.refusal for source in sources]
        return image_bodies.batch_body(job, outcomes, refusals, base, self._links)


def _raise_failure(job: ImageJob, outcome: Outcome | None) -> None:
    if outcome is not None and outcome.code:
        raise Problem(outcome.code, outcome.message, job_id=job.key.name)
    if job.status.state is State.FAILED:
        code, message = states.job_failure(job.status)
        raise Problem(code, message, job_id=job.key.name)
