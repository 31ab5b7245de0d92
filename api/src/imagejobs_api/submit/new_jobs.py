"""`POST /api/jobs`: the general form of a job, answered as the list of jobs tells of it."""

from collections.abc import Awaitable

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.submit.intake import Accepted
from imagejobs_api.submit.job_intake import Orders
from imagejobs_api.submit.resource import Submitter
from imagejobs_api.view import job_body
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_contract.model.names import JobKey


class NewJobs:
    """Makes jobs of what callers ask for."""

    def __init__(self, submitter: Submitter, orders: Orders, counts: LiveCounts) -> None:
        self._submitter = submitter
        self._orders = orders
        self._counts = counts

    async def make(self, req: Request, resp: Response) -> None:
        """Answer 202 with the job, or 200 if it ended while the caller waited, however it ended."""

        def accept(key: JobKey, repeatable: bool) -> Awaitable[Accepted]:
            return self._orders.accept(req, key, repeatable=repeatable)

        submission = await self._submitter.submit(req, resp, accept)
        resp.media = job_body.summary_body(submission.job, await self._counts.get(submission.job), submission.base)
