"""The real servers, once per run, and a fresh database or bucket for each test that asks for one."""

import itertools
import os
import uuid
from collections.abc import Iterator
from typing import NoReturn

import pytest
import redis
from hypothesis import HealthCheck, settings

from imagejobs_contract.runtime.settings import S3Settings
from support.clock import shifted_clock
from support.servers import data_servers

_numbers = itertools.count(1)

# Hypothesis fails what is slower than its own measure, which a busy machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def missing(what: str) -> NoReturn:
    """Skip the test on a developer's machine, fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[data_servers.Server]:
    """A Valkey without persistence."""
    binary = data_servers.find_valkey() or missing("valkey-server")
    server = data_servers.start_valkey(tmp_path_factory.mktemp("valkey"), binary)
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey_server: data_servers.Server) -> str:
    """The URL of an empty Redis."""
    with redis.Redis(port=valkey_server.ports["redis"]) as client:
        client.flushall()
    return valkey_server.url("redis", "redis") + "/0"


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[data_servers.Server]:
    """A SeaweedFS with an S3 gateway that checks credentials."""
    binary = data_servers.find_weed() or missing("weed")
    server = data_servers.start_seaweed(tmp_path_factory.mktemp("seaweed"), binary)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def bucket_maker(seaweed_server: data_servers.Server):
    """A boto3 client, which is too slow to make for every test."""
    yield from _bucket_makers(seaweed_server)


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[data_servers.Server]:
    """A moto: an S3 that keeps every key as it is."""
    binary = data_servers.find_moto() or missing("moto_server")
    server = data_servers.start_moto(tmp_path_factory.mktemp("moto"), binary)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto_bucket_maker(moto_server: data_servers.Server):
    """A boto3 client for moto."""
    yield from _bucket_makers(moto_server)


def _bucket_makers(server: data_servers.Server):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client(
        "s3", endpoint_url=server.url("s3"), region_name="us-east-1",
        aws_access_key_id=data_servers.ACCESS_KEY_ID,
        aws_secret_access_key=data_servers.SECRET_ACCESS_KEY,
    )  # fmt: skip
    yield client
    client.close()


@pytest.fixture
def refusing_s3() -> None:
    """The S3 refuses what is signed wrongly."""
    shifted_clock.skip_beside("SeaweedFS")


@pytest.fixture
def s3_settings(seaweed_server: data_servers.Server, bucket_maker) -> S3Settings:
    """Settings for a bucket that is empty and nobody else's."""
    return _new_bucket(seaweed_server, bucket_maker)


@pytest.fixture
def moto_settings(moto_server: data_servers.Server, moto_bucket_maker) -> S3Settings:
    """The same on moto."""
    return _new_bucket(moto_server, moto_bucket_maker)


def _new_bucket(server: data_servers.Server, maker) -> S3Settings:
    bucket = f"test-{next(_numbers)}-{uuid.uuid4().hex[:8]}"
    maker.create_bucket(Bucket=bucket)
    return data_servers.bucket_settings(server, bucket)


def pytest_collection_finish() -> None:
    """On a shifted clock, begin at the moment that was asked for."""
    shifted_clock.wait_for_begin()
