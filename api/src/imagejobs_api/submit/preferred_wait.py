"""How a call that makes a job is answered: 200 if the job ends while the caller waits, else 202."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from falcon.asgi import Response

from imagejobs_api.http import prefer
from imagejobs_api.http.connection import Request
from imagejobs_api.progress.waiting import Waiting, Watch
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.creation import CreatedJob
from imagejobs_api.view import api_urls
from imagejobs_api.view.links import Links
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey


@dataclass(frozen=True, slots=True)
class PendingJob:
    """The job that a request is about to make.

    Attributes:
        key: The namespace and the name that the job gets.
        repeatable: An earlier request of the same content may have made the job already.
        base: How links to this API begin for this caller.
        watch: Watches the job, which need not exist yet.
        default_seconds: How long to wait for a single image if the request has no `Prefer`.
    """

    key: JobKey
    repeatable: bool
    base: str
    watch: Watch
    default_seconds: int

    async def wait(self, req: Request, resp: Response, created: CreatedJob) -> ImageJob:
        """Wait until the job is final, or as long as the caller prefers; set all of the answer but its body.

        By default only a single image is waited for, not a batch.

        Returns:
            The job as it was read last.
        """
        resp.context.job_id = self.key.name
        preference = prefer.read(req.get_header("Prefer"), self.default_seconds if created.single else 0)
        job = created.job
        if not job.status.state.final:
            job = await self.watch.until_final(preference.wait_seconds, req.receive) or job
        is_final = job.status.state.final
        resp.status = 200 if is_final else 202
        resp.set_header("Cache-Control", "no-store")
        if not is_final:
            resp.set_header("Location", api_urls.progress(self.base, self.key.name))
        if preference.applied:
            resp.set_header("Preference-Applied", preference.applied)
        return job


class PreferredWait:
    """Holds the answer about a new job as long as the request's `Prefer` asks for.

    `FormResource` and `POST /api/jobs` share one, which lives as long as the app. It works with `Waiting`,
    which looks at the store whenever the job's state was announced.

    Args:
        default_seconds: How long to wait for a single image if the request has no `Prefer`.
        class_name: Of this API's jobs.
    """

    def __init__(
        self, waiting: Waiting, links: Links, default_seconds: int, class_name: str | None = None
    ) -> None:
        self._waiting = waiting
        self._links = links
        self._default_seconds = default_seconds
        self._class_name = class_name

    @contextmanager
    def watching(self, req: Request) -> Iterator[PendingJob]:
        """Choose the name of the job that a request makes, and watch the job for the length of the block.

        Raises:
            Problem: `Idempotency-Key` is malformed.
        """
        base = self._links.base_url(req)
        key, repeatable = idempotency.choose_job_key(
            req.caller, req.get_header(idempotency.HEADER), self._class_name
        )
        with self._waiting.watch(key) as watch:
            yield PendingJob(key, repeatable, base, watch, self._default_seconds)
