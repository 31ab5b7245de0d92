"""Requests a minute, per caller and in all, over processes that share a Redis, and without one."""

import asyncio
import json
import re

import httpx2
import pytest

from imagejobs_api.admission.rate_limits import RateLimits, RateLimitStatus
from imagejobs_api.callers import api_keys
from imagejobs_api.callers.caller import Caller, CallerLimits
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.redis.client import connect
from support.api import forms
from support.api.process import Api

LIMITS = Limits(max_requests_per_minute=8, max_caller_requests_per_minute=5)
SHOP, BLOG, ANYBODY = Caller("default", "shop"), Caller("default", "blog"), Caller("default")


def counted(redis_url: str | None, *callers: Caller, processes: int = 1) -> list[RateLimitStatus]:
    async def count() -> list[RateLimitStatus]:
        clients = [connect(redis_url) if redis_url else None for _ in range(processes)]
        rates = [RateLimits(LIMITS, client) for client in clients]
        found = [await rates[n % processes].count(caller) for n, caller in enumerate(callers)]
        for client in filter(None, clients):
            await client.aclose()
        return found

    return asyncio.run(count())


@pytest.fixture(params=["shared", "alone"])
def url(request) -> str | None:
    return request.getfixturevalue("redis_url") if request.param == "shared" else None


def test_a_caller_is_refused_beyond_its_limit_and_told_when_to_come_again(url):
    found = counted(url, *[SHOP] * 7)
    assert [each.allowed for each in found] == [True] * 5 + [False] * 2
    assert [each.remaining for each in found] == [4, 3, 2, 1, 0, 0, 0]
    assert 1 <= found[-1].reset_seconds <= 60
    assert found[0].policy_header == '"caller";q=5;w=60'
    assert re.fullmatch(r'"caller";r=4;t=[0-9]{1,2}', found[0].header)


def test_one_caller_leaves_the_others_their_share_and_all_have_one_bound(url):
    found = counted(url, *[SHOP] * 10, *[BLOG] * 4)
    assert [each.allowed for each in found[10:]] == [True] * 3 + [False]
    assert found[-1].policy == "all"


def test_a_caller_may_have_a_limit_of_its_own(url):
    small = Caller("default", "small", limits=CallerLimits(requests_per_minute=2))
    assert [each.allowed for each in counted(url, *[small] * 3)] == [True, True, False]


def test_without_keys_there_is_the_bound_of_all(url):
    assert [each.allowed for each in counted(url, *[ANYBODY] * 9)] == [True] * 8 + [False]


def test_processes_that_share_a_redis_share_the_limits(redis_url):
    assert [each.allowed for each in counted(redis_url, *[SHOP] * 6, processes=3)] == [True] * 5 + [False]


def test_what_is_counted_is_forgotten_by_itself(redis_url):
    async def lifetimes() -> list[int]:
        client = connect(redis_url)
        await RateLimits(LIMITS, client).count(SHOP)
        found = [await client.ttl(key) for key in await client.keys("*")]
        assert all(key.startswith("ij:limits:") for key in await client.keys("*"))
        await client.aclose()
        return found

    assert all(0 < seconds <= 120 for seconds in asyncio.run(lifetimes()))


def test_a_redis_that_is_away_is_asked_once_and_each_process_counts_for_itself():
    now = [0.0]

    async def count() -> list[bool]:
        client = connect("redis://127.0.0.1:1/0")
        rates = RateLimits(LIMITS, client, lambda: now[0])
        found = [(await rates.count(SHOP)).allowed for _ in range(6)]
        await client.aclose()
        return found

    assert asyncio.run(count()) == [True] * 5 + [False]


def test_a_refusal_has_the_headers_and_comes_before_the_body(service, tmp_path):
    key = api_keys.new_key()
    file = tmp_path / "callers.json"
    entry = {"name": "slow", "keys": [{"sha256": api_keys.digest(key)}], "limits": {"requests_per_minute": 2}}
    file.write_text(json.dumps({"callers": [entry]}))
    api = Api(service.environ | {"CALLERS_FILE": str(file)})
    given = {"Authorization": f"Bearer {key}"}
    try:
        first = httpx2.get(f"{api.url}/api/jobs", headers=given)
        assert (first.status_code, first.headers["RateLimit-Policy"]) == (200, '"caller";q=2;w=60')
        assert first.headers["RateLimit"].startswith('"caller";r=1;t=')
        httpx2.get(f"{api.url}/api/jobs/nothing", headers=given)
        with forms.connection(api.port) as connection:
            connection.sendall(
                forms.request_head(
                    "/api/resize", forms.headers(10_000_000) | given | {"Expect": "100-continue"}
                )
            )
            answer = forms.answer(connection)
            assert (answer.status, json.loads(answer.read())["code"]) == (429, "rate_limited")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert answer.headers["RateLimit"].startswith('"caller";r=0;t=')
        assert httpx2.get(f"{api.url}/healthz").status_code == 200
    finally:
        api.stop()
