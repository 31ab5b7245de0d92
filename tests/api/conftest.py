"""The API as a process beside real Redis, S3 and SQLite, and a fake worker; one set per test module."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from conftest import missing
from imagejobs_contract.runtime.settings import S3Settings
from support.api import openapi_check
from support.api.fake_worker import FakeWorker
from support.api.finished_jobs import FinishedJobs
from support.api.process import Api, environ
from support.api.service import Service
from support.servers import data_servers


@pytest.fixture(scope="module")
def module_s3(seaweed_server: data_servers.Server, bucket_maker) -> S3Settings:
    """A bucket for one test module."""
    bucket = f"api-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    return data_servers.bucket_settings(seaweed_server, bucket)


@pytest.fixture(scope="module")
def service(
    request, valkey_server: data_servers.Server, module_s3: S3Settings, bucket_maker, tmp_path_factory
) -> Iterator[Service]:
    """A running API with its neighbours; a module's ENVIRON is added to its variables."""
    path: Path = tmp_path_factory.mktemp("api") / "jobs.db"
    redis_url = valkey_server.url("redis", "redis") + "/0"
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()  # what the module before left, whichever it was
    variables = environ(path, redis_url, module_s3) | getattr(request.module, "ENVIRON", {})
    api = Api(variables)
    worker = FakeWorker(path, redis_url, module_s3).start()
    with httpx2.Client(base_url=api.url, timeout=30) as http:
        yield Service(api, worker, http, module_s3, bucket_maker, variables)
    worker.stop()
    api.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[data_servers.Server]:
    """A Redis that a test may kill."""
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey() or missing("valkey-server"))
    yield server
    server.stop()


@pytest.fixture
def jobs(service: Service) -> Iterator[FinishedJobs]:
    """Makes jobs that have ended, and deletes them after the test."""
    jobs = FinishedJobs(service)
    yield jobs
    jobs.delete_all()


@pytest.fixture(autouse=True)
def _check_openapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check every response that a test gets against the OpenAPI document; of a stream only the head."""
    send = httpx2.Client.send

    def checked(
        self: httpx2.Client, request: httpx2.Request, *, stream: bool = False, **more: Any
    ) -> httpx2.Response:
        answer = send(self, request, stream=stream, **more)
        openapi_check.check(request, answer, with_body=not stream)
        return answer

    monkeypatch.setattr(httpx2.Client, "send", checked)


@pytest.fixture(autouse=True)
def _resume_worker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the fake worker work again after a test that paused or limited it."""
    yield
    if "service" in request.fixturenames:
        worker = request.getfixturevalue("service").worker
        worker.resume()
        worker.max_images, worker.silent = None, False
