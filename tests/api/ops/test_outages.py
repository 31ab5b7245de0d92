"""A part that is away: what goes on, what is refused, and what the health checks say."""

import signal

import pytest
import redis

from support.api.client import ASYNC, ApiClient
from support.api.fake_worker import FakeWorker
from support.api.process import Api, environ
from support.clock.waiting import eventually
from support.servers import data_servers

ALL = {"store": "ok", "s3": "ok", "redis": "ok"}


@pytest.fixture
def start(tmp_path, module_s3):
    """Start an API and a fake worker that end with the test."""
    running = []

    def begin(redis_url: str, s3=module_s3, **variables: str) -> Api:
        running.append(FakeWorker(tmp_path / "jobs.db", redis_url, module_s3).start())
        running.append(Api(environ(tmp_path / "jobs.db", redis_url, s3) | variables))
        return running[-1]

    yield begin
    for each in reversed(running):
        each.stop()


@pytest.fixture
def http():
    """A client without a base address."""
    import httpx2

    with httpx2.Client(timeout=30) as client:
        yield client


def missing(http, api) -> set[str]:
    return {fault["where"] for fault in http.get(f"{api.url}/readyz").json()["errors"]}


def test_without_redis_jobs_are_taken_finished_and_answered(http, start, own_valkey, tmp_path):
    api = start(own_valkey.url("redis", "redis"))
    assert ApiClient(http, api.url).post_image().status_code == 200
    own_valkey.stop()
    answer = ApiClient(http, api.url).post_image()
    assert (answer.status_code, answer.json()["state"]) == (200, "Succeeded")
    assert http.get(answer.json()["progress_url"]).json()["progress"] == 100
    assert http.get(f"{api.url}/healthz").status_code == 200
    ready = http.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()["code"], ready.json()["detail"]) == (
        503,
        "unavailable",
        "Not ready: redis, workers.",
    )
    assert missing(http, api) == {"redis", "workers"}
    again = data_servers.start_valkey(tmp_path, data_servers.find_valkey(), port=own_valkey.ports["redis"])
    try:
        eventually(lambda: missing(http, api) == {"workers"})
    finally:
        again.stop()


def test_a_redis_that_swallows_everything_keeps_no_request_from_its_answer(http, start, own_valkey):
    api = start(own_valkey.url("redis", "redis"))
    assert ApiClient(http, api.url).post_image().status_code == 200
    own_valkey.process.send_signal(signal.SIGSTOP)
    for _ in range(2):
        assert ApiClient(http, api.url).post_image(headers=ASYNC).status_code == 202


def test_without_s3_an_upload_is_503_and_leaves_no_job(http, start, redis_url, module_s3):
    (port,) = data_servers.free_ports(["s3"]).values()
    away = module_s3._replace(endpoint=f"http://127.0.0.1:{port}")
    api = start(redis_url, away)
    answer = ApiClient(http, api.url).post_image()
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (
        503,
        "unavailable",
        True,
    )
    assert int(answer.headers["Retry-After"]) >= 1
    assert str(port) not in answer.text
    ready = http.get(f"{api.url}/readyz")
    assert ready.status_code == 503
    assert "s3" in missing(http, api)


def test_without_the_store_a_post_is_503(http, start, redis_url, tmp_path):
    api = start(redis_url)
    assert ApiClient(http, api.url).post_image().status_code == 200
    broken = start(redis_url, JOB_STORE=f"sqlite:{tmp_path / 'no' / 'such' / 'folder' / 'jobs.db'}")
    answer = ApiClient(http, broken.url).post_image()
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)


def test_ready_lists_every_part_and_asks_for_those_that_matter(http, start, redis_url):
    api = start(redis_url, READY_PARTS="store,s3,redis")
    ready = http.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["parts"] == ALL | {"workers": "no worker was seen lately"}


def test_a_server_that_has_begun_stays_ready_for_the_calls_that_it_can_answer(http, start, own_valkey):
    api = start(own_valkey.url("redis", "redis"), READY_PARTS="store,s3,redis", STAY_READY_PARTS="store")
    job = ApiClient(http, api.url).post_image(headers=ASYNC).json()["job_id"]
    assert http.get(f"{api.url}/readyz").status_code == 200
    own_valkey.stop()
    parts = eventually(lambda: not_ok(http.get(f"{api.url}/readyz").json()["parts"]))
    assert set(parts) == {"redis", "workers"}
    assert http.get(f"{api.url}/readyz").status_code == 200
    assert http.get(f"{api.url}/api/jobs/{job}").json()["job_id"] == job
    again = start(own_valkey.url("redis", "redis"), READY_PARTS="store,s3,redis", STAY_READY_PARTS="store")
    assert http.get(f"{again.url}/readyz").status_code == 503


def not_ok(parts):
    """Return the parts that do not work, once Redis is among them."""
    found = {name for name, state in parts.items() if state != "ok"}
    return found if "redis" in found else None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "full"),
        (("REPLICAOF", "127.0.0.1", "1"), "replica"),
        (("CONFIG", "SET", "requirepass", "other"), "user name or the password"),
    ],
    ids=["full", "read-only", "password"],
)
def test_a_redis_that_answers_but_takes_nothing_is_the_part_that_is_named(
    http, start, own_valkey, command, reason
):
    api = start(own_valkey.url("redis", "redis"))
    with redis.Redis(port=own_valkey.ports["redis"]) as client:
        client.execute_command(*command)
        if "requirepass" in command:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    eventually(lambda: "redis" in missing(http, api))
    errors = {each["where"]: each["what"] for each in http.get(f"{api.url}/readyz").json()["errors"]}
    assert reason in errors["redis"]


def test_a_bucket_that_does_not_exist_is_told_apart_from_an_s3_that_is_away(
    http, start, redis_url, moto_settings
):
    """SeaweedFS makes a bucket with its first object."""
    api = start(redis_url, moto_settings._replace(bucket="nobody-made-this"))
    errors = {each["where"]: each["what"] for each in http.get(f"{api.url}/readyz").json()["errors"]}
    assert "does not exist" in errors["s3"]
    answer = ApiClient(http, api.url).post_image()
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (
        500, "misconfigured", False,
    )  # fmt: skip
    assert "nobody-made-this" not in answer.text
