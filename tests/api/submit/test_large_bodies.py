"""No body below the limits holds the event loop: others are served meanwhile."""

import asyncio
import json
from collections.abc import Callable

import httpx2
import pytest

from imagejobs_api.http import json_io
from imagejobs_api.serving.server import freeze_modules
from imagejobs_api.settings import Settings
from imagejobs_api.submit.distinct_names import BloomNames
from imagejobs_api.wiring import open_app
from imagejobs_contract.model import output_names
from imagejobs_contract.model.limits import MAX_ITEMS, Limits
from imagejobs_contract.model.output_names import make_distinct
from imagejobs_contract.reader import Reader
from support.api import loop_turns
from support.api.process import environ

MAX_TURN_SECONDS = 0.05
"""Of processor time, in which the loop serves nobody else, on a machine whose `loop_turns.slowness` is 1."""
TRIES = 3
"""A neighbour on the same core makes a turn longer, never shorter."""
BODY_BYTES = Limits().max_job_body_bytes
FORM_BYTES = 2**20 - 1000
"""Of a body that names URLs."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def fill(begin: str, piece: Callable[[int], str], end: str, size: int) -> bytes:
    """Return a body of nearly that size: pieces with commas between them."""
    pieces, left, n = [], size - len(begin) - len(end), 0
    while (left := left - len(each := piece(n)) - 1) >= 0:
        pieces.append(each)
        n += 1
    return (begin + ",".join(pieces) + end).encode()


def make_items(piece: Callable[[int], str], size: int = BODY_BYTES) -> bytes:
    return fill('{"items":[', piece, "]}", size)


def smallest_item(_: int) -> str:
    return '{"key":"a/b"}'


def some_items(count: int, item: Callable[[int], dict[str, object]]) -> bytes:
    return json.dumps({"items": [item(n) for n in range(count)]}).encode()


SHAPES = {
    "names": fill("{", lambda n: f'"f{n}":0', "}", BODY_BYTES),
    "one name": fill("{", lambda n: '"f":0', "}", 2**20),
    "names of a variant": fill('{"variants":[{', lambda n: f'"f{n}":0', "}]}", BODY_BYTES),
    "names of an item": fill('{"items":[{', lambda n: f'"f{n}":0', "}]}", BODY_BYTES),
    "some unknown names each": make_items(lambda n: '{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0}'),
    "one long name": b'{"' + b"x" * (BODY_BYTES - 10) + b'":0}',
    "smallest items": make_items(smallest_item),
    "items of an ordinary length": make_items(lambda n: f'{{"name":"{n}.jpg","key":"a/{n:080}"}}'),
    "500 long equal names": some_items(
        MAX_ITEMS, lambda n: {"key": "a/b", "name": "ﷺ" * 40 + "x" * 150 + f"{n // 2}"}
    ),
    "500 long urls": some_items(MAX_ITEMS, lambda n: {"url": f"https://e.test/{'%41' * 650}/{n}"}),
    "500 items with the longest headers": some_items(
        MAX_ITEMS,
        lambda n: {"url": f"https://e.test/{n}", "headers": {f"X-{h}": "a" * 250 for h in range(16)}},
    ),
    "items with headers": make_items(lambda n: f'{{"url":"https://e.test/{n}","headers":{{"X-A":"b"}}}}'),
    "names of headers": fill('{"items":[{"headers":{', lambda n: f'"f{n}":"a"', "}}]}", BODY_BYTES),
    "variants": fill('{"variants":[', lambda n: "{}", "]}", BODY_BYTES),
    "values": fill('{"items":[', lambda n: "0", "]}", BODY_BYTES),
    "lists": fill('{"items":[', lambda n: "[]", "]}", BODY_BYTES),
    "lists that are allowed": fill('{"width":[', lambda n: "[ ]".ljust(12), "]}", BODY_BYTES),
    "lists where a number belongs": fill('{"parallelism":[', lambda n: "[ ]".ljust(12), "]}", BODY_BYTES),
    "lists where a word belongs": fill('{"suspend":[', lambda n: "[ ]".ljust(12), "]}", BODY_BYTES),
    "depth": b'{"items":' + b"[" * (BODY_BYTES - 20),
    "depth of objects": b'{"items":' * 900 + b"0" + b"}" * 900,
    "wide depth": make_items(lambda n: '{"key":' + "[" * 400 + "]" * 400 + "}"),
    "digits": b'{"parallelism":0.' + b"1" * (BODY_BYTES - 30) + b"}",
    "escapes": b'{"name":"' + b"\\u0041" * ((BODY_BYTES - 20) // 6) + b'"}',
}
URL_SHAPES = {
    "urls": (JSON, fill('{"urls":[', lambda n: '""', "]}", FORM_BYTES)),
    "names": (JSON, fill("{", lambda n: f'"f{n}":0', "}", FORM_BYTES)),
    "one long name": (JSON, b'{"' + "é".encode() * (FORM_BYTES // 2 - 20) + b'":0}'),
    "escapes of a form": (FORM, b"url=" + b"%41" * (FORM_BYTES // 3 - 10)),
    "a long name of a form": (FORM, b"%41" * (FORM_BYTES // 3 - 10) + b"=1"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory, valkey_server, module_s3) -> Settings:
    """Settings of an API on real servers, in which jobs may read what begins with `a/`."""
    path = tmp_path_factory.mktemp("api") / "jobs.db"
    variables = environ(path, valkey_server.url("redis", "redis") + "/0", module_s3)
    return Settings.read(Reader(variables | {"SOURCE_PREFIXES": "a/"}))


def longest_turn(settings: Settings, path: str, content: bytes, kind: str, **headers: str) -> float:
    """Return the seconds of processor time that one request holds the loop."""

    async def post() -> float:
        async with (
            open_app(settings) as (app, _),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app), base_url="http://localhost", timeout=None
            ) as client,
        ):
            await client.get("/healthz")
            freeze_modules()  # as the program does
            async with loop_turns.measured() as turns:
                answer = await client.post(path, content=content, headers={"Content-Type": kind, **headers})
            assert answer.status_code in (202, 400, 413), answer.text
            assert len(answer.content) < 100_000
            assert turns.count > 3
            return turns.longest_seconds

    return asyncio.run(post())


def assert_turns_are_short(settings: Settings, path: str, content: bytes, kind: str, key: str = "") -> None:
    """Fail if each of some requests holds the loop for too long, as this machine's speed goes.

    Args:
        key: Begins the Idempotency-Key of each; "" for none.
    """
    found = []
    for number in range(TRIES):
        headers = {"Idempotency-Key": f"{key}-{number}"} if key else {}
        found.append(longest_turn(settings, path, content, kind, **headers) / loop_turns.slowness())
        if found[-1] < MAX_TURN_SECONDS:
            return
    pytest.fail(f"held the loop for {found} s")


@pytest.mark.parametrize("shape", SHAPES)
def test_no_job_holds_the_loop(settings, shape):
    assert len(SHAPES[shape]) <= BODY_BYTES
    assert_turns_are_short(settings, "/api/jobs", SHAPES[shape], JSON)


@pytest.mark.parametrize("shape", ["items of an ordinary length", "500 long equal names"])
def test_no_repeatable_job_holds_the_loop(settings, shape):
    assert_turns_are_short(settings, "/api/jobs", SHAPES[shape], JSON, shape.replace(" ", "-"))


@pytest.mark.parametrize("shape", URL_SHAPES)
def test_no_list_of_urls_holds_the_loop(settings, shape):
    kind, content = URL_SHAPES[shape]
    assert_turns_are_short(settings, "/api/upload-from-url", content, kind)


def count_calls(monkeypatch, owner: object, name: str) -> list[None]:
    """Let a function of a module or a class go on as it does, and return a list that grows with each call."""
    calls: list[None] = []
    function = getattr(owner, name)

    def counted(*arguments: object) -> object:
        calls.append(None)
        return function(*arguments)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_names_that_are_numbered_in_advance_are_not_tried_one_by_one(monkeypatch):
    tries = count_calls(monkeypatch, BloomNames, "_add")
    count = 2_000
    names = BloomNames()
    wanted = [f"a-{n}" for n in range(count, 2 * count)] + ["a"] * count
    assert len({names.assign(index, name) for index, name in enumerate(wanted)}) == len(wanted)
    assert len(tries) < 4 * len(wanted)


def test_long_names_that_differ_at_their_end_are_not_tried_one_by_one(monkeypatch):
    tries = count_calls(monkeypatch, output_names, "add_number")
    names = ["x" * 196 + f"{n // 2:04}.jpg" for n in range(MAX_ITEMS)]
    assert len(set(make_distinct(names))) == MAX_ITEMS
    assert len(tries) <= MAX_ITEMS


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (SHAPES["values"], "commas and brackets"),
        (SHAPES["names"], "different names"),
        (b"{" + b",".join(b'"f%d":0' % n for n in range(json_io.MAX_NAMES + 1)) + b"}", "names"),
    ],
    ids=["values", "names", "few names"],
)
def test_too_much_is_refused_with_its_number(service, content, told):
    answer = service.http.post("/api/jobs", content=content, headers={"Content-Type": JSON})
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_forty_thousand_images_are_taken(service):
    body = some_items(40_000, lambda n: {"url": f"https://e.test/w=200,h=200,fit=cover,q=80/{n}.jpg"})
    answer = service.http.post("/api/jobs", content=body, headers={"Content-Type": JSON}, timeout=120)
    assert answer.status_code == 202, answer.text
    assert answer.json()["total"] == 40_000
