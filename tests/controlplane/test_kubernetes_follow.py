"""A watch of the ImageJobs of a real API server.

Objects come with their changes, gaps are filled, and it costs few requests.
"""

import asyncio
import contextlib
import re
import ssl
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from imagejobs_api.listing.index import Index
from imagejobs_api.listing.reflector import Reflector
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.ports import JobEvent
from imagejobs_contract.stores import kubernetes, kubernetes_calls, kubernetes_feed
from imagejobs_contract.stores.kubernetes import KubernetesStore
from support.clock.waiting import until


def new(namespace: str, name: str = "a", items: int = 1) -> ImageJob:
    return ImageJob(
        JobKey(namespace, name),
        Spec(items=tuple(Item(f"{n}.jpg", key=f"photos/{n}.jpg") for n in range(items))),
    )


def play(controlplane, namespaces: list[str], scenario: Callable[[KubernetesStore], Awaitable[None]]) -> None:
    async def played() -> None:
        store = KubernetesStore(await kubernetes.connect(str(controlplane.kubeconfig)), namespaces)
        try:
            await asyncio.wait_for(scenario(store), 100)
        finally:
            await store.close()
            # A TLS connection that was given up while it opened still closes (aiohttp, "Graceful shutdown").
            await asyncio.sleep(0.25)

    asyncio.run(played())


@contextlib.asynccontextmanager
async def following(store: KubernetesStore) -> AsyncIterator[Callable[[], Awaitable[JobEvent | None]]]:
    """Return a function that waits for what is told next."""
    feed = store.watch()
    try:
        yield lambda: asyncio.wait_for(anext(feed), 30)
    finally:
        await feed.aclose()


async def told_until(
    told: Callable[[], Awaitable[JobEvent | None]], wanted: Callable[[JobEvent | None], bool]
) -> JobEvent | None:
    while not wanted(seen := await told()):
        pass
    return seen


def is_gone(key: JobKey) -> Callable[[JobEvent | None], bool]:
    return lambda seen: seen == JobEvent(key, None)


def test_each_job_is_told_as_it_is_and_as_it_becomes(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        made = await store.create(new(namespace))
        async with following(store) as told:
            assert await told() == JobEvent(made.key, made)
            assert await told() is None
            changed = await store.change_spec(made.key, lambda spec: replace(spec, cancel=True))
            assert await told() == JobEvent(made.key, changed)
            second = await store.create(new(namespace, "b"))
            assert await told() == JobEvent(second.key, second)
            await store.delete(made.key)
            assert await told() == JobEvent(made.key, None)

    play(controlplane, [namespace], scenario)


def test_a_job_larger_than_a_line_may_usually_be_is_told(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        async with following(store) as told:
            assert await told() is None
            large = replace(
                new(namespace),
                spec=Spec(items=tuple(Item(f"{n}" + "n" * 200, key="k" * 700 + f"{n}") for n in range(500))),
            )
            made = await store.create(large)
            assert await told() == JobEvent(made.key, made)

    play(controlplane, [namespace], scenario)


def test_nothing_is_missing_only_when_all_namespaces_were_told(controlplane, namespace):
    other = controlplane.new_namespace()

    async def scenario(store: KubernetesStore) -> None:
        for each in (namespace, other):
            await store.create(new(each))
        async with following(store) as told:
            assert {(await told()).key.namespace, (await told()).key.namespace} == {namespace, other}
            assert await told() is None

    play(controlplane, [namespace, other], scenario)


def test_pages_hold_all_that_is_there(controlplane, namespace, monkeypatch):
    monkeypatch.setattr(kubernetes_feed, "JOBS_PER_PAGE", 3)

    async def scenario(store: KubernetesStore) -> None:
        made = [await store.create(new(namespace, f"j{n}")) for n in range(8)]
        async with following(store) as told:
            assert [await told() for _ in range(9)] == [*(JobEvent(job.key, job) for job in made), None]

    play(controlplane, [namespace], scenario)


@pytest.mark.parametrize("trouble", ["expired", "cut"])
def test_what_went_and_came_while_it_could_not_watch_is_told(controlplane, namespace, monkeypatch, trouble):
    monkeypatch.setattr(kubernetes_feed, "MIN_DELAY_SECONDS", 0.05)
    watch, broken, again = kubernetes_calls.watch, asyncio.Event(), asyncio.Event()

    async def cut_off(client, path, version):
        if not broken.is_set():
            broken.set()
            await again.wait()
            raise kubernetes_calls.Expired if trouble == "expired" else kubernetes_calls.Unavailable("cut")
        async with contextlib.aclosing(watch(client, path, version)) as events:
            async for event in events:
                yield event

    async def scenario(store: KubernetesStore) -> None:
        job = await store.create(new(namespace))
        monkeypatch.setattr(kubernetes_calls, "watch", cut_off)
        async with following(store) as told:
            await told_until(told, lambda seen: seen is None)
            await broken.wait()
            await store.delete(job.key)
            made = await store.create(new(namespace, "b"))
            again.set()
            rest = [await told(), await told()]
            assert is_gone(job.key)(rest[0]) or is_gone(job.key)(rest[1])
            assert JobEvent(made.key, made) in rest

    play(controlplane, [namespace], scenario)


def test_a_version_that_the_server_forgot_is_listed_anew(controlplane, namespace, monkeypatch):
    """A watch from before what the server remembers is what 410 Gone is for."""
    monkeypatch.setattr(kubernetes_feed, "MIN_DELAY_SECONDS", 0.05)
    watch, versions = kubernetes_calls.watch, []

    def from_the_beginning(client, path, version):
        versions.append(version)
        return watch(client, path, "1" if len(versions) == 1 else version)

    async def scenario(store: KubernetesStore) -> None:
        job = await store.create(new(namespace))
        monkeypatch.setattr(kubernetes_calls, "watch", from_the_beginning)
        async with following(store) as told:
            assert [await told() for _ in range(4)] == [JobEvent(job.key, job), None] * 2
            made = await store.create(new(namespace, "b"))
            assert await told() == JobEvent(made.key, made)

    play(controlplane, [namespace], scenario)


def requests(controlplane) -> Counter[str]:
    """Return how many requests for ImageJobs the API server has answered, by verb."""
    asked = urllib.request.Request(
        f"{controlplane.url}/metrics", headers={"Authorization": f"Bearer {controlplane.token}"}
    )
    with urllib.request.urlopen(
        asked, timeout=30, context=ssl.create_default_context(cafile=str(controlplane.certificate))
    ) as answer:
        text = answer.read().decode()
    found: Counter[str] = Counter()
    for verb, count in re.findall(
        r'^apiserver_request_total\{[^}]*resource="imagejobs"[^}]*verb="(\w+)"[^}]*\} (\S+)$',
        text,
        re.MULTILINE,
    ):
        found[verb] += int(count)
    return found


JOBS, BURST = 1000, 300
OTHERS = 10
"""Requests of the control plane's own, such as the garbage collector's lists, that may fall into the time."""


def test_a_thousand_jobs_and_a_burst_of_changes_cost_pages_and_no_request_each(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        gate = asyncio.Semaphore(8)

        async def guarded(call: Awaitable[object]) -> None:
            async with gate:
                await call

        await asyncio.gather(*(guarded(store.create(new(namespace, f"j{n}", 10))) for n in range(JOBS)))
        index = Index(10_000)
        follower = Reflector(store, index, [namespace])
        before = requests(controlplane)
        task = asyncio.create_task(follower.run())
        await until(lambda: follower.has_synced)
        listed = requests(controlplane)
        assert len(index) == JOBS
        assert 0 <= listed["LIST"] - before["LIST"] - JOBS / kubernetes_feed.JOBS_PER_PAGE < OTHERS
        assert listed["GET"] - before["GET"] < OTHERS
        await asyncio.gather(*(guarded(cancel(store, JobKey(namespace, f"j{n}"))) for n in range(BURST)))

        def cancelled() -> int:
            return sum(job.spec.cancel for job in index.page(namespace, "", None, JOBS, None).jobs)

        await until(lambda: cancelled() == BURST, 100, seen=cancelled)
        changed = requests(controlplane)
        assert max(changed["LIST"] - listed["LIST"], changed["GET"] - listed["GET"]) < OTHERS
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(controlplane, [namespace], scenario)


async def cancel(store: KubernetesStore, key: JobKey) -> None:
    path = f"/apis/{names.API_VERSION}/namespaces/{key.namespace}/{names.PLURAL}/{key.name}"
    await kubernetes_calls.send(
        store._client,
        "PATCH",
        path,
        body={"spec": {"cancel": True}},
        content_type=kubernetes_calls.MERGE_PATCH,
    )
