"""The API as a process beside real Redis, S3 and SQLite, and a stand-in for operator and worker; one set per test module."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from imagejobs_contract.runtime.settings import S3Settings
from support.api import openapi_check
from support.api.fake_worker import StandIn
from support.api.process import Api, environ
from support.servers import data_servers


@dataclass(frozen=True)
class Service:
    """Everything that runs, and a client."""

    api: Api
    stand_in: StandIn
    http: httpx2.Client
    s3: S3Settings
    s3_client: Any
    environ: dict[str, str]

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the bucket."""
        return [
            each["Key"]
            for each in self.s3_client.list_objects_v2(Bucket=self.s3.bucket, Prefix=prefix).get(
                "Contents", []
            )
        ]


@pytest.fixture(scope="module")
def module_s3(seaweed_server: data_servers.Server, bucket_maker) -> S3Settings:
    """A bucket for one test module."""
    bucket = f"api-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    endpoint = seaweed_server.url("s3")
    return S3Settings(
        endpoint,
        endpoint,
        bucket,
        "us-east-1",
        data_servers.ACCESS_KEY_ID,
        data_servers.SECRET_ACCESS_KEY,
        True,
        True,
    )


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
    stand_in = StandIn(path, redis_url, module_s3).start()
    with httpx2.Client(base_url=api.url, timeout=30) as http:
        yield Service(api, stand_in, http, module_s3, bucket_maker, variables)
    stand_in.stop()
    api.stop()


@pytest.fixture(autouse=True)
def _held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold every answer that a test gets to the OpenAPI document; of streams all but the body, which the test reads."""
    send = httpx2.Client.send

    def held(
        self: httpx2.Client, request: httpx2.Request, *, stream: bool = False, **more: Any
    ) -> httpx2.Response:
        answer = send(self, request, stream=stream, **more)
        openapi_check.check(request, answer, with_body=not stream)
        return answer

    monkeypatch.setattr(httpx2.Client, "send", held)


@pytest.fixture(autouse=True)
def _awake(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the stand-in work again after a test that held it."""
    yield
    if "service" in request.fixturenames:
        stand_in = request.getfixturevalue("service").stand_in
        stand_in.paused.clear()
        stand_in.most, stand_in.silent = None, False
