"""An API server that refuses, errs or forgets for a while: it is asked seldom, and nothing is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from imagejobs_contract.model import names
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_operator.act.observe import START_SECONDS
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.cluster.faulty_proxy import Answer, Proxy, faulty_proxy, status
from support.operator.cluster import Cluster
from support.operator.process import Operator, good, operator, s3_environ, worker

JOBS = 30
BURST = 30
"""Requests that were under way when it began, and those of kopf's two watches."""


@pytest.fixture
def proxy(controlplane: ControlPlane) -> Iterator[Proxy]:
    with faulty_proxy(controlplane) as running:
        yield running


@pytest.fixture
def cluster(controlplane: ControlPlane, namespace: str) -> Cluster:
    return Cluster(controlplane, namespace, {})


@pytest.fixture
def environ(
    cluster: Cluster, proxy: Proxy, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> dict[str, str]:
    """The variables of an operator behind the proxy."""
    config = yaml.safe_load(cluster.operator_kubeconfig().read_text())
    config["clusters"][0]["cluster"] = {"server": proxy.url}
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(yaml.safe_dump(config))
    return {
        **s3_environ(s3_settings),
        "REDIS_URL": redis_url,
        "KUBECONFIG": str(kubeconfig),
        "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "1",
        "WORKER_IMAGE": "worker:test",
    }


@pytest.fixture
def running(environ: dict[str, str], tmp_path: Path) -> Iterator[Operator]:
    """A running operator behind the proxy."""
    with operator(tmp_path, environ) as running:
        yield running


def spec(**changes: Any) -> dict[str, Any]:
    return {"items": [{"name": "a.jpg", "url": "https://example.org/a.jpg"}], "execution": "Pool", **changes}


def end_all(cluster: Cluster, redis_url: str) -> None:
    """Let a worker end all tasks, and wait until each job says so."""

    async def run() -> None:
        async with worker(redis_url, good):
            for n in range(JOBS):
                await asyncio.to_thread(cluster.wait_for_state, f"job-{n}", "Succeeded", seconds=90.0)

    asyncio.run(run())


def requests(proxy: Proxy) -> Counter[str]:
    """Return how often each kind of request was made that is no list, no watch and no discovery."""
    kinds: Counter[str] = Counter()
    for method, path in proxy.sent_on:
        if method == "GET" and "/namespaces/" not in path:
            continue
        name = path.rpartition("/namespaces/")[2].split("/")[1:]
        if method != "GET" or len(name) > 1:
            kinds[f"{method} {name[0] if name else path}{' status' if name[2:] else ''}"] += 1
    return kinds


def test_a_small_job_costs_a_status_and_an_event_and_a_restart_over_ended_ones_nothing(
    cluster: Cluster, proxy: Proxy, environ: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    with operator(tmp_path, environ) as running:
        cluster.create("first", spec())
        cluster.wait_for_state("first", "Queued")
        eventually(lambda: created_later(cluster, running))
        proxy.sent_on.clear()
        for n in range(JOBS):
            cluster.create(f"job-{n}", spec(execution="Auto"))
        end_all(cluster, redis_url)
        made = requests(proxy)
        assert made["POST events"] == JOBS + 1
        assert made.total() <= 4 * JOBS, made
        assert running.stop() == 0
    proxy.sent_on.clear()
    with operator(tmp_path, environ) as running:
        cluster.create("last", spec())
        cluster.wait_for_state("last", "Queued")
        made = requests(proxy)
        assert made.total() <= 8, made


def created_later(cluster: Cluster, running: Operator) -> bool:
    """Return whether a job that is created now is one that no operator before can have begun."""
    ready = next(line for line in running.lines() if line["event"] == "ready")
    begun = datetime.fromisoformat(str(ready["time"]))
    return (datetime.now(UTC) - begun).total_seconds() > START_SECONDS + 1


def refuse(code: int, **headers: str) -> Answer:
    return lambda request: status(code, **headers)


@pytest.mark.parametrize(
    "answer", [refuse(429, **{"Retry-After": "1"}), refuse(503), refuse(500)], ids=["429", "503", "500"]
)
def test_a_server_that_refuses_everything_is_asked_at_most_twice_a_second(
    cluster: Cluster, proxy: Proxy, running: Operator, redis_url: str, answer: Answer
) -> None:
    for n in range(JOBS):
        cluster.create(f"job-{n}", spec())
    for n in range(JOBS):
        cluster.wait_for_state(f"job-{n}", "Queued")
    proxy.answer(answer)
    began = time.monotonic()
    eventually(lambda: len(proxy.refused) > 3 and time.monotonic() - began > 12)
    assert len(proxy.refused) <= BURST + 2 * (time.monotonic() - began)
    proxy.answer(None)
    end_all(cluster, redis_url)
    told = [line for line in running.lines() if line["event"] == "system fails"]
    assert len(told) <= 2
    assert not [line for line in running.lines() if line["event"] == "reconcile failed"]
    assert running.process.poll() is None


def gone(request: web.Request) -> web.Response | None:
    return status(410) if "watch" in request.query else None


def forbidden(request: web.Request) -> web.Response | None:
    return status(403) if "watch" in request.query else None


def undefined(request: web.Request) -> web.Response | None:
    """Play a CRD that is deleted."""
    return status(404) if request.path.startswith(f"/apis/{names.GROUP}") else None


@pytest.mark.parametrize(
    "answer", [gone, forbidden, undefined, refuse(500)], ids=["410", "403", "404", "500"]
)
def test_a_watch_that_is_refused_is_waited_for(
    cluster: Cluster, proxy: Proxy, running: Operator, answer: Answer
) -> None:
    cluster.create("before", spec())
    cluster.wait_for_state("before", "Queued")
    proxy.answer(answer)
    eventually(
        lambda: any("broke" in str(line["event"]) for line in running.lines()) or len(proxy.refused) > 5
    )
    proxy.answer(None)
    cluster.create("after", spec())
    cluster.wait_for_state("after", "Queued", seconds=60.0)
    assert running.process.poll() is None
