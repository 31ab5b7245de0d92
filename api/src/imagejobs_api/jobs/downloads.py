"""`GET /api/download/{id}`: redirects to a result by a link signed for this request. Links are not stored."""

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.view import api_urls, states
from imagejobs_api.view.links import Links
from imagejobs_api.view.lookup import JobOrImage, find_readable
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobStore
from imagejobs_contract.reader import Reader
from imagejobs_contract.storage import ObjectStore

MAX_LISTED_IMAGES = 100
"""Images that the refusal to download a whole batch names."""


def read_attachment(reader: Reader) -> bool:
    """Read whether the link is to save the file; faults go to the reader."""
    return reader.boolean("attachment")


class Downloads:
    """Redirects to results."""

    def __init__(self, store: JobStore, objects: ObjectStore, outcomes: Outcomes, links: Links) -> None:
        self._store = store
        self._objects = objects
        self._outcomes = outcomes
        self._links = links

    async def on_get(self, req: Request, resp: Response, identifier: str) -> None:
        """Answer 307 to the result; 409 while there is none, 410 after its deletion, or the image's error.

        The link is good for the method of this request, with which clients follow it.

        Raises:
            Invalid: The query asks for no kind of link.
        """
        found = await find_readable(self._store, req.caller, identifier)
        resp.context.job_id = found.job.key.name
        index = self._image_index(found, self._links.base_url(req))
        await self.redirect(req, resp, found, index, self._links)

    on_head = on_get

    async def redirect(
        self, req: Request, resp: Response, found: JobOrImage, index: int, links: Links
    ) -> None:
        """Answer with a redirection to the result of one image of a job that was found."""
        reader = Reader({name: value for name, value in req.params.items() if value != ""})
        attachment = read_attachment(reader)
        reader.check()
        name, output = await self._find_output(found, index)
        resp.status = 307
        resp.set_header("Location", links.sign(name, index, output, req.method, attachment=attachment))
        resp.set_header("Cache-Control", "no-store")
        resp.set_header("Referrer-Policy", "no-referrer")  # the link is a bearer token

    def _image_index(self, found: JobOrImage, base: str) -> int:
        if found.index is not None:
            return found.index
        if found.job.spec.total == 1:
            return 0
        raise Problem(
            Code.CONFLICT,
            "This is a batch: download its images one by one.",
            faults=_image_links(found.job, base),
            job_id=found.id,
            retryable=False,
        )

    async def _find_output(self, found: JobOrImage, index: int) -> tuple[str, OutputFile]:
        """Return the image's name and its result; only the outcome knows the names in a manifest."""
        outcome = await self._outcomes.get(found.job, index)
        if outcome is None or not outcome.outputs:
            raise _missing_output(found, outcome)
        output = outcome.outputs[0]
        if await self._objects.head(output.key) is None:
            raise Problem(Code.EXPIRED, job_id=found.id)
        return outcome.name or found.job.item_name(index), output


def _missing_output(found: JobOrImage, outcome: Outcome | None) -> Problem:
    if outcome is not None and outcome.code:
        return Problem(outcome.code, outcome.message, job_id=found.id)
    state = states.item_state(found.job, outcome)
    if state is State.FAILED:
        code, message = states.job_failure(found.job.status)
        return Problem(code, message, job_id=found.id)
    if state is State.CANCELLED:
        return Problem(
            Code.CONFLICT,
            "The job was cancelled before this image was done.",
            job_id=found.id,
            retryable=False,
        )
    return Problem(
        Code.CONFLICT, f"The job is {state}: there is no result yet.", job_id=found.id, retry_after_seconds=1
    )


def _image_links(job: ImageJob, base: str) -> list[Fault]:
    identifiers = [names.sub_job_id(job.key.name, n) for n in range(min(job.spec.total, MAX_LISTED_IMAGES))]
    return [Fault(each, api_urls.download(base, each)) for each in identifiers]
