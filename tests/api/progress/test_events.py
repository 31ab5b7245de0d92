"""GET /api/progress/{id}/events: told as it happens, resumed where it stopped, ended with the end; with and without Redis."""

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
from support.api.fake_worker import BROKEN, StandIn
from support.api.forms import JPEG
from support.api.process import Api, environ, eventually
from support.servers import data_servers


def batch(service, *data: bytes) -> str:
    files = [("images[]", (f"{n}.jpg", each)) for n, each in enumerate(data)]
    return service.http.post("/api/batch", files=files).json()["batch_job_id"]


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
def following(http, identifier: str, last: str | None = None, url: str = ""):
    with http.stream(
        "GET", f"{url}/api/progress/{identifier}/events", headers={"Last-Event-ID": last} if last else {}
    ) as response:
        yield Stream(response)


def data(event: dict[str, str]) -> dict:
    return json.loads(event["data"])


def test_a_job_is_told_from_where_it_stands_to_its_end(service):
    service.stand_in.paused.set()
    identifier = batch(service, JPEG, JPEG + BROKEN)
    with following(service.http, identifier) as stream:
        headers = stream.response.headers
        assert (headers["Content-Type"], headers["X-Accel-Buffering"], headers["Cache-Control"]) == (
            "text/event-stream",
            "no",
            "no-store, no-transform",
        )
        assert data(stream.event()) == service.http.get(f"/api/progress/{identifier}").json()
        service.stand_in.paused.clear()
        events = stream.rest()
    assert data(events[-1]) == service.http.get(f"/api/progress/{identifier}").json()
    assert data(events[-1])["state"] == "PartiallySucceeded"
    assert [data(each)["state"] for each in events[:-1]] in ([], ["Running"])


def test_progress_is_told_as_it_is_announced(service):
    service.stand_in.paused.set()
    identifier = batch(service, JPEG, JPEG, JPEG)
    with following(service.http, identifier) as stream:
        stream.event()
        service.stand_in.most = 1
        service.stand_in.paused.clear()
        assert data(stream.event())["done"] == 1
        service.stand_in.most = None
        assert data(stream.rest()[-1])["done"] == 3


@pytest.mark.parametrize(("index", "state", "code"), [(0, "Succeeded", None), (1, "Failed", "corrupt_image")])
def test_one_image_of_a_batch_has_events_of_its_own(service, index, state, code):
    service.stand_in.paused.set()
    identifier = f"{batch(service, JPEG, JPEG + BROKEN)}-{index}"
    with following(service.http, identifier) as stream:
        assert data(stream.event())["state"] == "Pending"
        service.stand_in.paused.clear()
        last = data(stream.rest()[-1])
    assert (last["job_id"], last["state"], last["total"]) == (identifier, state, 1)
    assert (last["error"] or {}).get("code") == code


def test_who_joins_a_followed_job_for_one_image_is_told_of_that_image(service):
    service.stand_in.most = 1
    identifier = batch(service, JPEG, JPEG)
    with following(service.http, identifier) as whole:
        assert data(whole.event())["total"] == 2
        with (
            following(service.http, f"{identifier}-0") as first,
            following(service.http, f"{identifier}-1") as second,
        ):
            assert data(first.rest()[-1])["state"] == "Succeeded"
            assert data(second.event())["state"] in ("Pending", "Running")


def test_who_comes_back_gets_only_what_is_new(service):
    service.stand_in.most = 1
    identifier = batch(service, JPEG, JPEG)
    with following(service.http, identifier) as stream:
        events = [stream.event()]
        while data(events[-1])["done"] < 1:
            events.append(stream.event())
    service.stand_in.most = None
    with following(service.http, identifier, events[-1]["id"]) as stream:
        again = stream.rest()
    assert events[-1]["id"] not in [each["id"] for each in again]
    assert data(again[-1])["state"] == "Succeeded"


def test_who_knows_the_end_is_told_to_stay_away(service):
    identifier = batch(service, JPEG)
    with following(service.http, identifier) as stream:
        last = stream.rest()[-1]["id"]
    with following(service.http, identifier, last) as stream:
        assert stream.response.status_code == 204
    with following(service.http, f"{identifier}-0") as stream:
        last = stream.rest()[-1]["id"]
    with following(service.http, f"{identifier}-0", last) as stream:
        assert stream.response.status_code == 204


def test_the_end_is_told_to_whoever_asks_later(service):
    identifier = batch(service, JPEG)
    eventually(lambda: service.http.get(f"/api/progress/{identifier}").json()["state"] == "Succeeded")
    with following(service.http, identifier) as stream:
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
    own, other = batch(service, JPEG), batch(service, JPEG)
    answer = service.http.get(
        f"/api/progress/{own}/events", headers={"Last-Event-ID": last.format(own=own, other=other)}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert [fault["where"] for fault in answer.json()["errors"]] == ["Last-Event-ID"]


def test_events_of_an_unknown_job_are_not_found(service):
    for identifier in ("jabsent", "jabsent-1", "UPPER"):
        assert service.http.get(f"/api/progress/{identifier}/events").status_code == 404


def test_a_job_that_is_deleted_ends_its_stream(service):
    service.stand_in.paused.set()
    identifier = batch(service, JPEG)
    with following(service.http, identifier) as stream:
        stream.event()
        assert service.http.delete(f"/api/jobs/{identifier}").status_code == 204
        (event,) = stream.rest()
    assert (event["event"], data(event)["code"]) == ("gone", "not_found")


def test_streams_over_the_limit_are_refused_and_closed_ones_do_not_count(service):
    service.stand_in.paused.set()
    identifier = batch(service, JPEG)
    api = Api(service.environ | {"MAX_EVENT_STREAMS": "2"})
    try:
        path = f"/api/progress/{identifier}"
        with (
            following(service.http, identifier, url=api.url),
            following(service.http, identifier, url=api.url) as second,
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
            with following(service.http, identifier, url=api.url) as stream:
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
    service.stand_in.paused.set()
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
    service.stand_in.paused.set()
    identifier = batch(service, JPEG)
    api = Api(service.environ)
    with following(service.http, identifier, url=api.url) as stream:
        stream.event()
        api.process.send_signal(signal.SIGTERM)
        assert stream.rest() == []
    assert api.stop() == 0


@pytest.fixture
def alone(tmp_path, module_s3):
    """An API and a stand-in with a Redis that a test may kill."""
    valkey = data_servers.start_valkey(
        tmp_path, data_servers.find_valkey() or pytest.skip("valkey-server is missing")
    )
    url = valkey.url("redis", "redis")
    stand_in = StandIn(tmp_path / "jobs.db", url, module_s3).start()
    stand_in.paused.set()
    api = Api(environ(tmp_path / "jobs.db", url, module_s3))
    yield api, stand_in, valkey
    stand_in.stop()
    api.stop()
    valkey.stop()


@pytest.mark.parametrize("trouble", ["flushed", "killed"])
def test_without_redis_the_store_is_looked_at(alone, service, trouble):
    api, stand_in, valkey = alone
    answer = service.http.post(f"{api.url}/api/batch", files=[("images", ("a.jpg", JPEG))])
    with following(service.http, answer.json()["batch_job_id"], url=api.url) as stream:
        assert data(stream.event())["state"] == "Pending"
        if trouble == "flushed":
            redis.Redis(port=valkey.ports["redis"]).flushall()
        else:
            valkey.process.kill()
        stand_in.silent = True
        stand_in.paused.clear()
        assert data(stream.rest()[-1])["state"] == "Succeeded"
