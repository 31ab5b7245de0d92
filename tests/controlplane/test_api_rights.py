"""The rights that the chart gives the API are the rights that it has, and they are enough for its work."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace

import httpx2
import pytest

from conftest import missing
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.stores import kubernetes
from imagejobs_contract.stores.kubernetes import KubernetesStore
from support.api import process
from support.cluster import chart_render
from support.cluster.chart_render import case, one, render

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


@pytest.fixture
def kubeconfig(controlplane, namespace):
    """A service account with the Role of the chart, made by the chart's own objects."""
    if chart_render.helm_missing():
        missing("helm")
    path = controlplane.service_account(namespace, "imagejobs-api")
    for kind in ("Role", "RoleBinding"):
        body = one(render(*case("minimal"), namespace=namespace), kind, "imagejobs-api")
        status, answer = controlplane.request("POST", f"{RBAC}/{namespace}/{kind.lower()}s", body)
        assert status == 201, answer
    return path


def test_the_api_may_do_what_it_does_and_no_more(kubeconfig, controlplane, namespace, caplog):
    caplog.set_level(logging.WARNING)
    key = JobKey(namespace, "a")

    async def scenario() -> None:
        store = KubernetesStore(await kubernetes.connect(str(kubeconfig)), [namespace])
        listed = asyncio.Event()
        feed = asyncio.create_task(told_of(store, key, listed))
        try:
            await asyncio.wait_for(listed.wait(), 30)  # what comes now is seen by the watch
            await store.create(ImageJob(key, Spec(items=(Item(key="a.jpg"),))))
            await asyncio.wait_for(feed, 30)
            assert [job.key for job in (await store.list(namespace)).jobs] == await store.keys() == [key]
            assert (await store.change_spec(key, lambda spec: replace(spec, suspend=True))).spec.suspend
            await store.delete(key)
        finally:
            feed.cancel()
            await store.close()

    asyncio.run(scenario())
    assert [each.getMessage() for each in caplog.records] == []
    account = f"system:serviceaccount:{namespace}:imagejobs-api"
    listed = controlplane.kubectl(
        "auth", "can-i", "--list", "--no-headers", "--namespace", namespace, "--as", account
    )
    assert [line.split() for line in listed.splitlines() if "imagejobs" in line or "secrets" in line] == [
        [
            "imagejobs.imagejobs.dev",
            "[]",
            "[]",
            "[attest",
            "create",
            "delete",
            "get",
            "list",
            "patch",
            "watch]",
        ]
    ]


def test_a_job_waits_and_goes_on_over_http_with_those_rights(
    kubeconfig, controlplane, namespace, redis_url, s3_settings, tmp_path
):
    environ = process.environ(tmp_path / "unused", redis_url, s3_settings)
    api = process.Api(
        environ | {"JOB_STORE": "kubernetes", "KUBECONFIG": str(kubeconfig), "NAMESPACE": namespace}
    )
    try:
        job = httpx2.post(
            f"{api.url}/api/jobs",
            json={"items": [{"url": "https://images.example.org/a.jpg"}], "suspend": True},
        ).json()["job_id"]
        path = f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs/{job}"
        for verb, suspend, status in (("resume", False, 202), ("resume", False, 200), ("suspend", True, 202)):
            answer = httpx2.post(f"{api.url}/api/jobs/{job}/{verb}")
            assert (answer.json()["spec"]["suspend"], answer.status_code) == (suspend, status)
            assert controlplane.request("GET", path)[1]["spec"].get("suspend", False) is suspend
    finally:
        api.stop()


async def told_of(store: KubernetesStore, key: JobKey, listed: asyncio.Event) -> None:
    async with aclosing(store.watch()) as feed:  # type: ignore[type-var]
        async for seen in feed:
            if seen is None:
                listed.set()
            elif seen.key == key:
                return
