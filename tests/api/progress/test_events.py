"""GET /api/progress/{id}/events: events as they happen, resumed by Last-Event-ID; with and without Redis."""

import json
import signal
from contextlib import contextmanager

import pytest
import redis

from imagejobs_api.callers import api_keys
from imagejobs_api.progress import sse
from imagejobs_api.progress.events import SseStream
from imagejobs_api.progress.watchers import WatchedJob
from imagejobs_contract.model.names import JobKey
from support.api.client import ApiClient, fault_names
from support.api.fake_worker import BROKEN, FakeWorker
from support.api.forms import JPEG
from support.api.process import Api, environ
from support.clock.waiting import eventually


class Stream:
    """One open stream, read line by line."""

    def __init__(self, response):
        self.response = response
        self._lines = response.iter_lines()

    def event(self) -> dict[str, str]:
        """Return the next event's fields; comments and `retry` are passed over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line and not line.startswith((":", "retry")):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and fields:
                return fields
        return {}

    def rest(self) -> list[dict[str, str]]:
        """Return all events to the end of the stream."""
        return list(iter(self.event, {}))


@contextmanager
def following(client: ApiClient, identifier: str, last_id: str | None = None):
    with client.events(identifier, last_id) as response:
        yield Stream(response)


def data(event: dict[str, str]) -> dict:
    return json.loads(event["data"])


def test_a_job_is_told_from_where_it_stands_to_its_end(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, JPEG + BROKEN, wait=False)
    with following(service.client, identifier) as stream:
        headers = stream.response.headers
        assert (headers["Content-Type"], headers["X-Accel-Buffering"], headers["Cache-Control"]) == (
            "text/event-stream",
            "no",
            "no-store, no-transform",
        )
        assert data(stream.event()) == service.client.progress(identifier)
        service.worker.resume()
        events = stream.rest()
    assert data(events[-1]) == service.client.progress(identifier)
    assert data(events[-1])["state"] == "PartiallySucceeded"
    assert [data(each)["state"] for each in events[:-1]] in ([], ["Running"])


def test_progress_is_told_as_it_is_announced(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, JPEG, JPEG, wait=False)
    with following(service.client, identifier) as stream:
        stream.event()
        service.worker.max_images = 1
        service.worker.resume()
        assert data(stream.event())["done"] == 1
        service.worker.max_images = None
        assert data(stream.rest()[-1])["done"] == 3


@pytest.mark.parametrize(("index", "state", "code"), [(0, "Succeeded", None), (1, "Failed", "corrupt_image")])
def test_one_image_of_a_batch_has_events_of_its_own(service, index, state, code):
    service.worker.pause()
    identifier = f"{service.client.batch_id(JPEG, JPEG + BROKEN, wait=False)}-{index}"
    with following(service.client, identifier) as stream:
        assert data(stream.event())["state"] == "Pending"
        service.worker.resume()
        last = data(stream.rest()[-1])
    assert (last["job_id"], last["state"], last["total"]) == (identifier, state, 1)
    assert (last["error"] or {}).get("code") == code


def test_a_stream_of_one_image_of_a_followed_job_sends_that_image(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(JPEG, JPEG, wait=False)
    with following(service.client, identifier) as whole:
        assert data(whole.event())["total"] == 2
        with (
            following(service.client, f"{identifier}-0") as first,
            following(service.client, f"{identifier}-1") as second,
        ):
            assert data(first.rest()[-1])["state"] == "Succeeded"
            assert data(second.event())["state"] in ("Pending", "Running")


def test_a_resumed_stream_sends_only_new_events(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(JPEG, JPEG, wait=False)
    with following(service.client, identifier) as stream:
        events = [stream.event()]
        while data(events[-1])["done"] < 1:
            events.append(stream.event())
    service.worker.max_images = None
    with following(service.client, identifier, events[-1]["id"]) as stream:
        again = stream.rest()
    assert events[-1]["id"] not in [each["id"] for each in again]
    assert data(again[-1])["state"] == "Succeeded"


def test_a_client_that_has_the_last_event_gets_204(service):
    identifier = service.client.batch_id(JPEG, wait=False)
    with following(service.client, identifier) as stream:
        last = stream.rest()[-1]["id"]
    with following(service.client, identifier, last) as stream:
        assert stream.response.status_code == 204
    with following(service.client, f"{identifier}-0") as stream:
        last = stream.rest()[-1]["id"]
    with following(service.client, f"{identifier}-0", last) as stream:
        assert stream.response.status_code == 204


def test_a_stream_that_is_opened_after_the_end_sends_the_final_state(service):
    identifier = service.client.batch_id(JPEG, wait=False)
    service.client.wait_for_state(identifier, "Succeeded")
    with following(service.client, identifier) as stream:
        (event,) = stream.rest()
    assert data(event)["state"] == "Succeeded"


@pytest.mark.parametrize(
    "last",
    [
        "nonsense",
        "7",
        "{other}:0a:1:Running:0:0",
        "{own}:0a:1:Walking:0:0",
        "{own}-0:0a:1:Running:0:0",
        "x" * 900,
    ],
)
def test_the_id_of_another_jobs_event_is_refused(service, last):
    own, other = service.client.batch_id(JPEG, wait=False), service.client.batch_id(JPEG, wait=False)
    answer = service.http.get(
        f"/api/progress/{own}/events", headers={"Last-Event-ID": last.format(own=own, other=other)}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert fault_names(answer) == ["Last-Event-ID"]


def test_events_of_an_unknown_job_are_not_found(service):
    for identifier in ("jabsent", "jabsent-1", "UPPER"):
        assert service.http.get(f"/api/progress/{identifier}/events").status_code == 404


def test_a_job_that_is_deleted_ends_its_stream(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, wait=False)
    with following(service.client, identifier) as stream:
        stream.event()
        assert service.http.delete(f"/api/jobs/{identifier}").status_code == 204
        (event,) = stream.rest()
    assert (event["event"], data(event)["code"]) == ("gone", "not_found")


def test_a_stream_never_goes_on_with_the_next_job_of_the_same_name(service):
    """A key makes the name, so that it can be used again."""
    service.worker.pause()
    headers = {"Idempotency-Key": "nightly", "Prefer": "respond-async"}
    body = {"items": [{"url": "https://example.org/a.jpg"}]}
    identifier = service.client.post_job(body, headers).json()["job_id"]
    with following(service.client, identifier) as stream:
        stream.event()
        service.http.delete(f"/api/jobs/{identifier}")
        assert service.client.post_job(body, headers).json()["job_id"] == identifier
        (event,) = stream.rest()
        with following(service.client, identifier) as next_one:
            assert data(next_one.event())["state"] == "Pending"
    assert (event["event"], data(event)["code"]) == ("gone", "not_found")


def test_streams_over_the_limit_are_refused_and_closed_ones_do_not_count(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, wait=False)
    api = Api(service.environ | {"MAX_EVENT_STREAMS": "2"})
    try:
        path = f"/api/progress/{identifier}"
        with (
            following(service.client.at(api.url), identifier),
            following(service.client.at(api.url), identifier) as second,
        ):
            second.event()
            answer = service.http.get(f"{api.url}{path}/events")
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (
                429,
                "rate_limited",
                "5",
            )
            assert service.http.get(f"{api.url}{path}").status_code == 200

        def opens() -> bool:
            with following(service.client.at(api.url), identifier) as stream:
                return stream.response.status_code == 200

        assert eventually(opens)
    finally:
        api.stop()


def test_one_callers_streams_do_not_take_those_of_others(service, tmp_path):
    shop, blog = api_keys.new_key(), api_keys.new_key()
    callers = [
        {"name": name, "keys": [{"sha256": api_keys.digest(key)}]}
        for name, key in (("shop", shop), ("blog", blog))
    ]
    (tmp_path / "callers.json").write_text(json.dumps({"callers": callers}))
    service.worker.pause()
    api = Api(
        service.environ | {"CALLERS_FILE": str(tmp_path / "callers.json"), "MAX_CALLER_EVENT_STREAMS": "1"}
    )

    def opened(key: str):
        headers = {"Authorization": f"Bearer {key}", "Prefer": "respond-async"}
        answer = service.http.post(f"{api.url}/api/resize", files={"image": ("a.jpg", JPEG)}, headers=headers)
        return service.http.stream(
            "GET", f"{api.url}/api/progress/{answer.json()['job_id']}/events", headers=headers
        )

    try:
        with opened(shop) as first, opened(shop) as second, opened(blog) as others:
            assert [each.status_code for each in (first, second, others)] == [200, 429, 200]
            assert second.headers["Retry-After"] == "5"
    finally:
        api.stop()


def test_a_stream_without_news_says_every_fifteen_seconds_that_it_lives():
    feed, teller = WatchedJob(JobKey("default", "j1")), SseStream(None, None, 0.0)
    assert [teller.next_chunk(feed, now) for now in (0.0, 14.9, 15.0, 29.9, 30.0)] == [
        b"",
        b"",
        sse.HEARTBEAT,
        b"",
        sse.HEARTBEAT,
    ]
    assert (teller.seconds_to_heartbeat(31.0), teller.seconds_to_heartbeat(50.0), teller.ended) == (
        14.0,
        0.0,
        False,
    )
    assert sse.HEARTBEAT.startswith(b":")
    assert sse.HEARTBEAT.endswith(b"\n\n")


def test_a_server_that_stops_ends_its_streams_at_once(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, wait=False)
    api = Api(service.environ)
    with following(service.client.at(api.url), identifier) as stream:
        stream.event()
        api.process.send_signal(signal.SIGTERM)
        assert stream.rest() == []
    assert api.stop() == 0


@pytest.fixture
def alone(tmp_path, module_s3, own_valkey):
    """An API and a fake worker with a Redis that a test may kill."""
    url = own_valkey.url("redis", "redis")
    worker = FakeWorker(tmp_path / "jobs.db", url, module_s3).start()
    worker.pause()
    api = Api(environ(tmp_path / "jobs.db", url, module_s3))
    yield api, worker, own_valkey
    worker.stop()
    api.stop()


@pytest.mark.parametrize("trouble", ["flushed", "killed"])
def test_without_redis_the_store_is_looked_at(alone, service, trouble):
    api, worker, valkey = alone
    client = service.client.at(api.url)
    identifier = client.batch_id(JPEG, wait=False)
    with following(client, identifier) as stream:
        assert data(stream.event())["state"] == "Pending"
        if trouble == "flushed":
            with redis.Redis(port=valkey.ports["redis"]) as away:
                away.flushall()
        else:
            valkey.process.kill()
        worker.silent = True
        worker.resume()
        assert data(stream.rest()[-1])["state"] == "Succeeded"
