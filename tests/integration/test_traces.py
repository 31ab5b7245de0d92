"""One trace from a request to the steps of the worker; and the cost of a collector that does not answer."""

import json
import time

import httpx2
import pytest

from support.servers import local_stack
from support.servers.local_stack import photo
from support.servers.otlp_collector import Collector, collector

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WHOLE = (
    "POST /api/resize",
    "s3 put_stream",
    "store create",
    "reconcile",
    "SendTasks",
    "image",
    "fetch",
    "render",
    "store",
)


@pytest.fixture(scope="module")
def receiver():
    with collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(receiver: Collector, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("traced") / "data"
    with local_stack.running(
        folder, "--workers", "1", environ=receiver.environ(MAX_TRACES_PER_SECOND="3")
    ) as running:
        yield running


@pytest.fixture
def asking(traced):
    with local_stack.client(traced) as made:
        yield made


@pytest.fixture(autouse=True)
def _full_allowance(traced) -> None:
    """A second without requests: then the next ones get as many traces as a second has."""
    time.sleep(1.1)


def lines(stack):
    return [
        json.loads(line)
        for path in stack.data.glob("logs/*.log")
        for line in path.read_text().splitlines()
        if line.startswith("{")
    ]


def test_one_trace_leads_from_a_request_to_the_steps_of_its_image(traced, receiver, asking):
    header = f"00-{TRACE}-{SPAN}-01"
    job = asking.post_image(
        photo(), headers={"traceparent": header, "X-Request-ID": "order-9"}, width=100
    ).json()["job_id"]
    told = receiver.wait_for(TRACE, *WHOLE)
    by_name = {each.name: each for each in told}
    assert {by_name[name].program for name in WHOLE} == {
        "imagejobs-api",
        "imagejobs-operator",
        "imagejobs-worker",
    }
    ids = {each.id: each.name for each in told} | {SPAN: "client"}
    assert {name: ids[by_name[name].parent] for name in WHOLE} == {
        "POST /api/resize": "client", "s3 put_stream": "POST /api/resize", "store create": "POST /api/resize",
        "reconcile": "POST /api/resize",
        "SendTasks": "reconcile", "image": "SendTasks", "fetch": "image", "render": "image", "store": "image",
    }  # fmt: skip
    facts = by_name["POST /api/resize"].facts
    assert (facts["http.route"], facts["http.response.status_code"], facts["imagejobs.job_id"]) == (
        "/api/resize",
        200,
        job,
    )
    assert by_name["image"].facts["imagejobs.bytes_out"] > 0
    assert 0 < by_name["render"].facts["imagejobs.decode_seconds"] < 30
    ours = [line for line in lines(traced) if line.get("trace_id") == TRACE]
    assert {line["program"] for line in ours if line.get("request_id") == "order-9"} == {
        "api", "operator", "worker",
    }  # fmt: skip


def test_spans_hold_no_name_of_a_file_no_address_and_no_query(receiver, asking):
    trace = "1" * 32
    asking.post_image(
        photo(), headers={"traceparent": f"00-{trace}-{SPAN}-01"}, width=100, name="confidential"
    )
    url = "http://user:hunter2@127.0.0.1:9/private.jpg?token=hunter2"
    asking.request(
        "POST",
        "/api/upload-from-url?secret=hunter2",
        json={"url": url},
        headers={"traceparent": f"00-{trace}-{SPAN}-01"},
    )
    receiver.wait_for(trace, "POST /api/upload-from-url", "store")
    for word in (b"confidential", b"hunter2", b"private", b"photo.jpg", b"127.0.0.1", b"uploads/"):
        assert not any(word in body for body in receiver.bodies), word


def test_an_image_that_fails_is_a_failed_span_with_its_code(receiver, asking):
    trace = "2" * 32
    asking.post_image(photo()[:5000], headers={"traceparent": f"00-{trace}-{SPAN}-01"}, width=100)
    (image,) = [each for each in receiver.wait_for(trace, "image") if each.name == "image"]
    assert (image.failed, image.facts["error.type"]) == (True, "corrupt_image")


def test_a_client_that_wants_no_trace_gets_none(receiver, asking):
    asking.post_image(photo(), headers={"traceparent": f"00-{'3' * 32}-{SPAN}-00"}, width=100)
    asking.post_image(photo(), headers={"traceparent": f"00-{'4' * 32}-{SPAN}-01"}, width=100)
    receiver.wait_for("4" * 32, *WHOLE)
    assert receiver.spans_of("3" * 32) == []


def test_who_asks_for_a_trace_each_time_gets_a_few_a_second(receiver, asking):
    before, began = len({each.trace for each in receiver.spans}), time.monotonic()
    for n in range(60):
        asking.get("/api/progress/nope", headers={"traceparent": f"00-{'5' * 30}{n:02d}-{SPAN}-01"})
    asking.post_image(photo(), width=100)
    assert len({each.trace for each in receiver.spans}) - before < 10 + 3 * (time.monotonic() - began)


def test_a_collector_that_is_away_or_hangs_holds_no_image(traced, receiver, asking):
    receiver.gate.clear()
    try:
        for _ in range(3):
            assert asking.post_image(photo(), width=100).status_code == 200
    finally:
        receiver.gate.set()
    assert httpx2.get(f"{traced.url}/readyz").status_code == 200
