"""How the application connects its parts."""

import asyncio
from dataclasses import replace
from unittest.mock import AsyncMock, Mock

import httpx2
import pytest

from imagejobs_api.admission.rate_limits import RateLimits
from imagejobs_api.app import Ports, Services, create_app
from imagejobs_api.http.connection import App
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.indexed_store import IndexedStore
from imagejobs_api.ops.metrics import Metrics
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.settings import Settings
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime.traces import NOOP_TRACER

ENDED = Status(state=State.SUCCEEDED)
JOB = ImageJob(JobKey("default", "j1"), Spec(items=(Item("a.jpg", "uploads/j1/0"),)), status=ENDED)
BODY = {"items": [{"url": "https://example.org/a.jpg"}]}


class CountingIndex(Index):
    """Counts the jobs that are noted in it."""

    noted = 0

    def put(self, job: ImageJob) -> None:
        """Count."""
        self.noted += 1
        super().put(job)


async def send(app: App, request: httpx2.Request) -> None:
    """Send a request to the application, without a server and without its background tasks."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        (await client.send(request)).raise_for_status()


@pytest.mark.parametrize("find_faces", ["true", "false"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/api/jobs/j1", None), ("POST", "/api/jobs", BODY)],
    ids=["get", "create"],
)
def test_a_job_is_noted_once_in_the_index(find_faces, method, path, body):
    settings = Settings.read(Reader({"FIND_FACES": find_faces}))
    index = CountingIndex(10)
    store = AsyncMock()
    store.get.return_value = JOB
    store.create.side_effect = lambda job: replace(job, status=ENDED)
    board = AsyncMock()
    queue = AsyncMock()
    queue.depth.return_value = 0
    services = Services(
        callers=None, index=index, announcements=Announcements(board), metrics=Metrics(),
        rates=RateLimits(settings.limits, None), tracer=NOOP_TRACER, handoff=AsyncMock(), presets=Presets(),
    )  # fmt: skip
    ports = Ports(IndexedStore(store, index), board, queue, AsyncMock(), Mock(), AsyncMock())
    app = create_app(settings, ports, services)
    asyncio.run(send(app, httpx2.Request(method, "http://localhost" + path, json=body)))
    assert index.noted == 1
