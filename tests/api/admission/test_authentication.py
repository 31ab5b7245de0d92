"""Who is let in, who may write, and that no key is ever told: over every route there is."""

import json
import socket
import sqlite3

import httpx2
import pytest

from imagejobs_api.callers import api_keys
from imagejobs_contract.model import names
from support.api import forms
from support.api.forms import JPEG
from support.api.process import Api
from support.api.routes import Route, routes
from support.clock.waiting import eventually

ROUTES = routes()
GUARDED = [each for each in ROUTES if not (each.is_public or each.is_by_link)]
READ, WRITE = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE")
SHOP, BLOG, READER = (api_keys.new_key() for _ in range(3))


@pytest.fixture(scope="module")
def guarded(service, tmp_path_factory):
    """An API that knows three keys of two callers, on the service's parts."""
    file = tmp_path_factory.mktemp("callers") / "callers.json"
    callers = [
        {
            "name": "shop",
            "keys": [
                {"sha256": api_keys.digest(SHOP), "name": "k1"},
                {"sha256": api_keys.digest(READER), "read_only": True},
            ],
        },
        {"name": "blog", "keys": [{"sha256": api_keys.digest(BLOG)}]},
    ]
    file.write_text(json.dumps({"callers": callers}))
    api = Api(service.environ | {"CALLERS_FILE": str(file)})
    yield api
    api.stop()


def ask(api: Api, key: str | None, method: str, path: str, **more) -> httpx2.Response:
    given = more.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    return httpx2.request(method, f"{api.url}{path}", headers=given, timeout=30, **more)


def resize(api: Api, key: str, **more) -> str:
    answer = ask(api, key, "POST", "/api/resize", files={"image": ("a.jpg", JPEG)}, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["job_id"]


def filled(route: Route, identifier: str) -> str:
    """Return the path with that id for each of its parameters."""
    return "/".join(identifier if part.startswith("{") else part for part in route.path.split("/"))


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_every_route_needs_a_key(guarded, route):
    for key in (None, api_keys.new_key(), "x", SHOP[:-1]):
        answer = ask(guarded, key, route.method, filled(route, "some"))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="imagejobs"' + (
            ', error="invalid_token"' if key else ""
        )
        assert route.method == "HEAD" or answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("route", [each for each in ROUTES if each.is_public], ids=str)
def test_what_says_that_it_is_public_needs_none(guarded, route):
    assert ask(guarded, None, route.method, route.path).status_code not in (401, 403)


def test_only_these_are_public():
    assert {each.path for each in ROUTES if each.is_public} == {
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/docs",
        "/docs/docs.js",
        "/",
        "/jobs/{ids}",
        "/assets/{name}",
    }


@pytest.mark.parametrize("route", [each for each in GUARDED if each.method in WRITE], ids=str)
def test_a_key_that_may_only_read_cannot_write(guarded, route):
    answer = ask(guarded, READER, route.method, filled(route, "some"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_key_that_may_only_read_sees_its_callers_jobs(guarded):
    identifier = resize(guarded, SHOP)
    assert ask(guarded, READER, "GET", f"/api/jobs/{identifier}").status_code == 200


@pytest.mark.parametrize("route", [each for each in GUARDED if "{" in each.path], ids=str)
def test_anothers_job_is_answered_exactly_as_one_that_is_not_there(guarded, service, route):
    theirs = resize(guarded, SHOP)
    unknown = names.new_job_id()
    for suffix in ("", "-0", "-7"):
        answers = [
            ask(guarded, BLOG, route.method, filled(route, each + suffix)) for each in (theirs, unknown)
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert answers[0].content == answers[1].content
        assert [facts(answer) for answer in answers[:1]] == [facts(answer) for answer in answers[1:]]
    spec = service.worker.job(theirs).spec
    assert (spec.suspend, spec.cancel) == (False, False)
    assert ask(guarded, SHOP, "GET", f"/api/progress/{theirs}").status_code == 200


def facts(answer: httpx2.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("date", "x-request-id", "ratelimit")
    }


def test_the_list_shows_a_callers_own_jobs_only_also_by_a_cursor_of_another(guarded):
    ours = [resize(guarded, BLOG) for _ in range(3)]
    theirs = [resize(guarded, SHOP) for _ in range(3)]
    listed = ask(guarded, BLOG, "GET", "/api/jobs?limit=100").json()["jobs"]
    assert [each["job_id"] for each in listed[:3]] == ours[::-1]
    assert not {each["job_id"] for each in listed} & set(theirs)
    cursor = ask(guarded, SHOP, "GET", "/api/jobs?limit=1").json()["next_cursor"]
    turned = ask(guarded, BLOG, "GET", "/api/jobs", params={"cursor": cursor, "limit": 100})
    assert not {each["job_id"] for each in turned.json().get("jobs", [])} & set(theirs)


def test_a_job_that_was_made_without_a_caller_is_nobodys(guarded, service):
    made = service.client.job_id()
    assert ask(guarded, SHOP, "GET", f"/api/jobs/{made}").status_code == 404


def test_a_job_that_cannot_be_read_is_told_to_its_caller_only(guarded, service):
    identifier = resize(guarded, SHOP)
    with sqlite3.connect(service.environ["JOB_STORE"].removeprefix("sqlite:")) as db:
        db.execute("UPDATE jobs SET spec = '{}' WHERE name = ?", (identifier,))
    assert [ask(guarded, key, "GET", f"/api/jobs/{identifier}").status_code for key in (SHOP, BLOG)] == [
        409,
        404,
    ]
    with sqlite3.connect(service.environ["JOB_STORE"].removeprefix("sqlite:")) as db:
        db.execute("DELETE FROM jobs WHERE name = ?", (identifier,))


def test_a_job_carries_its_caller_as_a_label(guarded, service):
    assert service.worker.job(resize(guarded, SHOP)).labels == {names.LABEL_CALLER: "shop"}


def test_two_callers_may_use_the_same_idempotency_key(guarded):
    headers = {"Idempotency-Key": "order-1"}
    first, again, other = (resize(guarded, key, headers=headers) for key in (SHOP, SHOP, BLOG))
    assert first == again != other


def test_a_refusal_comes_before_the_body(guarded):
    with forms.connection(guarded.port) as connection:
        connection.sendall(
            forms.request_head("/api/resize", forms.headers(10_000_000) | {"Expect": "100-continue"})
        )
        assert forms.answer(connection).status == 401


@pytest.mark.parametrize(
    "header",
    ["Basic c2hvcDp4", "Bearer", f"Bearer {SHOP} x", f"Bearer  {SHOP}\u00e9", SHOP, "Bearer " + "x" * 5000],
    ids=["another scheme", "no key", "more than a key", "not ASCII", "no scheme", "too long"],
)
def test_other_ways_to_show_a_key_are_refused(guarded, header):
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as connection:
        connection.sendall(f"GET /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n".encode())
        assert forms.answer(connection).status == 401


def test_a_key_in_the_address_lets_nobody_in(guarded):
    for query in (f"?access_token={SHOP}", f"?key={SHOP}", f"?Authorization=Bearer%20{SHOP}"):
        assert ask(guarded, None, "GET", f"/api/jobs{query}").status_code == 401


def test_the_log_names_caller_and_key_and_holds_no_key(guarded):
    ask(guarded, SHOP, "GET", f"/api/jobs/{SHOP}?key={SHOP}", headers={"X-Request-ID": "told"})
    ask(
        guarded,
        SHOP,
        "POST",
        "/api/upload-from-url",
        json={"url": f"https://example.org/{SHOP}", "width": SHOP},
    )
    line = eventually(lambda: [each for each in guarded.lines if each.get("request_id") == "told"])[0]
    assert (line["caller"], line["key_name"], line["path"]) == ("shop", "k1", "/api/jobs/ijk_...")
    told = str(guarded.lines)
    for key in (SHOP, BLOG, READER):
        assert key not in told
        assert api_keys.digest(key) not in told
