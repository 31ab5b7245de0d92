"""Promises of the Kubernetes store alone: its errors, several namespaces, and a watch that outlives gaps."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from imagejobs_contract.errors import Invalid, Misconfigured, NotFound, Unavailable
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.stores import kubernetes, kubernetes_calls, kubernetes_feed
from imagejobs_contract.stores.kubernetes import KubernetesStore
from support.cluster.store_feed import told_keys

Scenario = Callable[[KubernetesStore], Awaitable[None]]


def play(kubeconfig: Path, scenario: Scenario, namespaces: list[str] | None = None) -> None:
    async def played() -> None:
        store = KubernetesStore(await kubernetes.connect(str(kubeconfig)), namespaces)
        try:
            await asyncio.wait_for(scenario(store), 60)
        finally:
            await store.close()

    asyncio.run(played())


def new(namespace: str, name: str = "a") -> ImageJob:
    return ImageJob(JobKey(namespace, name), Spec(items=(Item(key="a.jpg"),)))


def test_jobs_of_several_namespaces_are_listed_one_namespace_after_the_other(controlplane, namespace):
    other = controlplane.new_namespace()

    async def scenario(store: KubernetesStore) -> None:
        for key in (
            JobKey(namespace, "a"),
            JobKey(namespace, "b"),
            JobKey(namespace, "c"),
            JobKey(other, "d"),
        ):
            await store.create(new(*key))
        seen, cursor = [], ""
        while len(seen) < 4:
            page = await store.list(None, limit=2, cursor=cursor)
            seen += [job.key.name for job in page.jobs]
            cursor = page.cursor
        assert seen == ["b", "a", "c", "d"]
        assert cursor == ""
        assert {key.name for key in await store.keys()} == {"a", "b", "c", "d"}
        assert await store.count() == 4
        assert [await store.count(each) for each in (namespace, "default")] == [
            len(await store.keys(each)) for each in (namespace, "default")
        ]

    play(controlplane.kubeconfig, scenario, [namespace, other])


def test_a_store_of_all_namespaces_sees_them_all(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        job = await store.create(new(namespace))
        assert job.key in await store.keys()
        page = await store.list(None)
        while page.cursor and job.key not in [
            each.key for each in page.jobs
        ]:  # there may be many of other tests
            page = await store.list(None, cursor=page.cursor)
        assert job.key in [each.key for each in page.jobs]

    play(controlplane.kubeconfig, scenario)


def test_a_job_that_an_older_version_stored_is_left_out_of_lists_but_can_be_deleted(controlplane, namespace):
    items = [
        {"name": "a.jpg", "key": "1"},
        {"name": "a.jpg", "key": "2"},
    ]  # one rule that the schema cannot tell
    body = {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "metadata": {"name": "bad", "finalizers": ["x.dev/y"]},
        "spec": {"items": items},
    }
    controlplane.request("POST", f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs", body)

    async def scenario(store: KubernetesStore) -> None:
        (key,) = await store.keys()
        assert (await store.list(namespace)).jobs == ()
        with pytest.raises(Invalid, match="overwrite"):
            await store.get(key)
        uid = (await store._body(key))["metadata"]["uid"]
        await store.delete(key, uid)
        await store.remove_finalizer(ImageJob(key, Spec(), uid=uid), "x.dev/y")
        assert await store.keys() == []

    play(controlplane.kubeconfig, scenario, [namespace])


def test_missing_rights_are_a_matter_of_configuration(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        with pytest.raises(Misconfigured, match="cannot list resource"):
            await store.keys()
        with pytest.raises(Misconfigured, match="cannot create resource"):
            await store.create(new(namespace))

    play(controlplane.service_account(namespace, "nobody"), scenario, [namespace])


def test_a_wrong_token_is_a_matter_of_configuration(controlplane, tmp_path):
    config = json.loads(controlplane.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "wrong"
    (tmp_path / "config").write_text(json.dumps(config))

    async def scenario(store: KubernetesStore) -> None:
        with pytest.raises(Misconfigured):
            await store.keys()

    play(tmp_path / "config", scenario)


def test_a_server_that_does_not_answer_is_unavailable(controlplane, tmp_path):
    config = json.loads(controlplane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(json.dumps(config))

    async def scenario(store: KubernetesStore) -> None:
        with pytest.raises(Unavailable) as caught:
            await store.keys()
        assert caught.value.retry_after_seconds

    play(tmp_path / "config", scenario)


@pytest.mark.parametrize("content", [None, "{}", "not: [yaml"], ids=["missing", "empty", "broken"])
def test_a_kubeconfig_that_cannot_be_used_is_said(tmp_path, content):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Misconfigured, match="no way to the Kubernetes API"):
        asyncio.run(kubernetes.connect(str(path)))


def test_outside_a_pod_there_is_no_service_account():
    with pytest.raises(Misconfigured, match="no way to the Kubernetes API"):
        asyncio.run(kubernetes.connect(None))


def test_a_namespace_that_is_not_there_is_not_found(controlplane):
    async def scenario(store: KubernetesStore) -> None:
        with pytest.raises(NotFound):
            await store.create(new("nowhere"))

    play(controlplane.kubeconfig, scenario)


def test_a_kind_that_is_not_there_is_a_matter_of_configuration(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        with pytest.raises(Misconfigured, match="not defined"):
            await kubernetes_calls.send(
                store._client, "GET", f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/videojobs"
            )

    play(controlplane.kubeconfig, scenario)


def test_a_watch_from_before_what_the_server_remembers_is_expired(controlplane, namespace):
    async def scenario(store: KubernetesStore) -> None:
        await store.create(new(namespace))
        with pytest.raises(kubernetes_calls.Expired):
            async for _ in kubernetes_calls.watch(
                store._client, f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs", "1"
            ):
                pass

    play(controlplane.kubeconfig, scenario)


def test_the_feed_tells_of_what_was_deleted_while_it_could_not_watch(controlplane, namespace, monkeypatch):
    monkeypatch.setattr(kubernetes_feed, "MIN_DELAY_SECONDS", 0.05)
    watch, broken = kubernetes_calls.watch, asyncio.Event()

    async def cut_off(client, path, version):
        if not broken.is_set():
            broken.set()
            raise kubernetes_calls.Expired
        async for event in watch(client, path, version):
            yield event

    async def scenario(store: KubernetesStore) -> None:
        job = await store.create(new(namespace))
        monkeypatch.setattr(kubernetes_calls, "watch", cut_off)
        feed = told_keys(store)
        assert await anext(feed) == job.key
        await broken.wait()
        await store.delete(job.key)
        assert await asyncio.wait_for(anext(feed), 30) == job.key
        await store.create(new(namespace, "b"))
        while (await asyncio.wait_for(anext(feed), 30)).name != "b":
            pass
        await feed.aclose()

    play(controlplane.kubeconfig, scenario, [namespace])
