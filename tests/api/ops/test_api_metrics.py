"""What the API tells Prometheus, and where."""

import asyncio

import httpx2
import pytest
from prometheus_client import generate_latest

from imagejobs_api.ops.instrument import instrument
from imagejobs_api.ops.metrics import Metrics
from imagejobs_contract.errors import NotFound, Unavailable
from support.api.forms import JPEG
from support.api.process import Api
from support.api.routes import routes
from support.clock.waiting import eventually
from support.servers.data_servers import free_ports


@pytest.fixture(scope="module")
def shown(service):
    """An API that shows metrics, and the door's URL."""
    port = free_ports(["metrics"])["metrics"]
    api = Api(service.environ | {"METRICS_LISTEN": f"127.0.0.1:{port}"})
    yield api, f"http://127.0.0.1:{port}/metrics"
    api.stop()


def values(url: str) -> dict[str, float]:
    lines = [line for line in httpx2.get(url, timeout=10).text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_requests_count_under_the_template_of_their_route(shown):
    api, url = shown
    before = values(url)
    for path in ("/api/jobs/one", "/api/jobs/two", "/nowhere/1", "/nowhere/2"):
        httpx2.get(api.url + path)
    httpx2.request("BREW", api.url + "/api/jobs/one")
    after = values(url)
    told = {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if name.startswith("imagejobs_http_requests_total")
    }
    assert (
        told['imagejobs_http_requests_total{method="GET",route="/api/jobs/{identifier}",status="4xx"}'] == 2
    )
    assert told['imagejobs_http_requests_total{method="GET",route="other",status="4xx"}'] == 2
    templates = {each.path for each in routes()} | {"other"}
    assert {name.split('route="')[1].split('"')[0] for name in told} <= templates
    assert after['imagejobs_http_problems_total{code="not_found"}'] >= 4


def test_outside_systems_and_uploads_are_told_of(shown):
    api, url = shown
    assert (
        httpx2.post(f"{api.url}/api/resize", files={"image": ("a.jpg", JPEG)}, timeout=30).status_code == 200
    )
    told = eventually(lambda: values(url))
    for part, call in (("store", "create"), ("s3", "put_stream"), ("redis", "depth")):
        assert told[f'imagejobs_part_seconds_count{{call="{call}",part="{part}"}}'] >= 1
    assert told["imagejobs_upload_bytes_in_flight"] == 0
    assert told["imagejobs_queue_images"] == 0
    assert told["imagejobs_callers_file_current"] == 1


def test_clients_cannot_see_them(shown):
    api, _ = shown
    assert httpx2.get(f"{api.url}/metrics").status_code == 404


class Away:
    async def get(self, error: Exception) -> None:
        raise error


@pytest.mark.parametrize(
    ("error", "counted"), [(Unavailable("away"), 1.0), (NotFound("gone"), 0.0)], ids=["away", "an answer"]
)
def test_only_what_does_not_answer_is_an_error_of_the_part(error, counted):
    metrics = Metrics()
    with pytest.raises(type(error)):
        asyncio.run(instrument(Away(), "store", metrics).get(error))
    assert (
        f'imagejobs_part_errors_total{{call="get",part="store"}} {counted}'
        in generate_latest(metrics.registry).decode()
    )
