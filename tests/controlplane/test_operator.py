"""The operator as a program on a real API server, under its own minimal role.

Jobs and pods are real; their node is this test.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from imagejobs_contract.model.output_names import default_prefix
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from support.api.process import Api
from support.clock import waiting
from support.clock.waiting import SLOW_SECONDS
from support.cluster.client import ControlPlane
from support.operator.cluster import Cluster, photo
from support.operator.process import Operator, good, operator, s3_environ, worker_thread
from support.servers import data_servers
from support.servers.otlp_collector import collector
from support.servers.webhook_receiver import SECRET, receiver

pytestmark = pytest.mark.timeout(3 * SLOW_SECONDS)
eventually = partial(waiting.eventually, seconds=SLOW_SECONDS)
WAIT = f"--timeout={SLOW_SECONDS:.0f}s"
VARIANT = {"name": "default", "width": 32, "format": "jpeg"}
GIVEN = {"sources": ["in/"], "callbacks": True, "pods": 100}
RESTRICTED = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}


@pytest.fixture(scope="module")
def s3(seaweed_server: data_servers.Server, bucket_maker: Any) -> S3Settings:
    """A bucket with photos."""
    bucket = f"test-operator-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    for n in range(25):
        bucket_maker.put_object(Bucket=bucket, Key=f"in/{n}.jpg", Body=photo())
    return data_servers.bucket_settings(seaweed_server, bucket)


@pytest.fixture(scope="module")
def redis(valkey_server: data_servers.Server) -> str:
    """The URL of a Redis that stays for all tests of this module."""
    return valkey_server.url("redis", "redis") + "/0"


@pytest.fixture(scope="module")
def cluster(controlplane: ControlPlane, s3: S3Settings, redis: str) -> Cluster:
    """A namespace that takes restricted pods only."""
    cluster = Cluster(controlplane, controlplane.new_namespace(), {**s3_environ(s3), "REDIS_URL": redis})
    cluster.call(
        "PATCH", f"/api/v1/namespaces/{cluster.namespace}", RESTRICTED, "application/merge-patch+json"
    )
    return cluster


@pytest.fixture(scope="module")
def environ(cluster: Cluster) -> dict[str, str]:
    """The operator's variables."""
    return {
        **cluster.environ, "KUBECONFIG": str(cluster.operator_kubeconfig()), "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "600", "WORKER_IMAGE": "worker:test", "WORKER_ENV_SECRET": "s3",
        "WORKER_ENV_CONFIG_MAP": "settings", "WEBHOOK_SECRETS": SECRET,
        "ALLOWED_PRIVATE_CALLBACKS": "127.0.0.0/8", "GRANTS": json.dumps({cluster.namespace: GIVEN}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[ExitStack, list[Operator]]]:
    """The operators of this module, and what ends them."""
    with ExitStack() as stack:
        yield stack, []


@pytest.fixture
def running(
    environ: dict[str, str],
    started: tuple[ExitStack, list[Operator]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Operator:
    """The module's operator; another one if a test before this one killed it."""
    stack, operators = started
    if not operators or operators[-1].process.poll() is not None:
        operators.append(stack.enter_context(operator(tmp_path_factory.mktemp("operator"), environ)))
    return operators[-1]


def spec(count: int, **changes: Any) -> dict[str, Any]:
    return {
        "items": [{"name": f"{n}.jpg", "key": f"in/{n}.jpg"} for n in range(count)],
        "variants": [VARIANT],
        **changes,
    }


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_a_small_pool_job_costs_at_most_six_writes_in_its_life(
    cluster: Cluster, running: Operator, redis: str
) -> None:
    eventually(cluster.is_tidy)
    with worker_thread(redis, good):
        before = cluster.writes()
        cluster.create("small", spec(2, ttlSecondsAfterFinished=2))
        status = cluster.wait_for_state("small", "Succeeded")
        assert status["items"] == {"total": 2, "active": 0, "succeeded": 2, "failed": 0}
        assert [each["index"] for each in status["outcomes"]] == [0, 1]
        assert conditions(status)["Finished"] == ("True", "Succeeded")
        eventually(lambda: not cluster.get("small"))
        time.sleep(2.5)  # nothing is written later: nothing shows when no write is left
        told = cluster.call("GET", f"/apis/events.k8s.io/v1/namespaces/{cluster.namespace}/events")["items"]
        assert [each["reason"] for each in told if each["regarding"]["name"] == "small"] == ["Succeeded"]
        spent = cluster.writes() - before
        assert 4 <= spent.total() <= 6, spent


def test_the_end_of_a_job_is_told_and_told_again(cluster: Cluster, running: Operator, redis: str) -> None:
    with worker_thread(redis, good), receiver() as hooks:
        uid = cluster.create("told", spec(1, callback={"url": hooks.url()}))["metadata"]["uid"]
        cluster.plane.kubectl(
            "wait", "--for=condition=CallbackDelivered", WAIT, "-n", cluster.namespace, "ij/told"
        )
        status = cluster.get("told")["status"]
        assert (
            status["callback"]["state"],
            status["callback"]["tries"],
            "nextTime" in status["callback"],
        ) == ("Delivered", 1, False)
        cluster.change("told", repeatCallback=1)
        first, second = hooks.wait_for(2)
        eventually(
            lambda: cluster.get("told")["status"]["callback"].get("repeats") == 1 and _is_told(cluster)
        )
    assert first.id == second.id == f"msg_{uid.replace('-', '')}_1"


def _is_told(cluster: Cluster) -> bool:
    return bool(cluster.get("told")["status"]["callback"]["state"] == "Delivered")


def test_a_callback_that_fails_says_why(cluster: Cluster, running: Operator, redis: str) -> None:
    with worker_thread(redis, good), receiver() as hooks:
        hooks.statuses = [500]
        cluster.create("fails", spec(1, callback={"url": hooks.url()}, ttlSecondsAfterFinished=0))
        eventually(lambda: cluster.get("fails").get("status", {}).get("callback", {}).get("tries") == 1)
    status = cluster.get("fails")["status"]
    assert (status["callback"]["state"], status["state"]) == ("Pending", "Succeeded")
    assert conditions(status)["CallbackDelivered"] == ("False", "CallbackFailed")

    def told() -> set[str]:
        path = f"/apis/events.k8s.io/v1/namespaces/{cluster.namespace}/events"
        events = cluster.call("GET", path)["items"]
        return {each["reason"] for each in events if each["regarding"]["name"] == "fails"}

    eventually(lambda: told() == {"Succeeded", "CallbackFailed"}, seen=told)


def test_one_trace_leads_from_a_request_over_the_annotation_to_the_pods_of_its_job(
    controlplane: ControlPlane, cluster: Cluster, environ: dict[str, str], tmp_path: Path
) -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with collector() as spans:
        own = Cluster(controlplane, controlplane.new_namespace(), {**cluster.environ, **spans.environ()})
        told = {
            **own.environ,
            "KUBECONFIG": str(controlplane.kubeconfig),
            "NAMESPACE": own.namespace,
            "JOB_STORE": "kubernetes",
        }
        api = Api(told)
        try:
            files = [("images[]", (f"{n}.jpg", photo())) for n in range(17)]  # one more than the pool takes
            headers = {"traceparent": f"00-{trace}-{span}-01"}
            name = httpx2.post(
                f"{api.url}/api/batch", files=files, data={"width": "16"}, headers=headers, timeout=30
            ).json()["batch_job_id"]
        finally:
            api.stop()
        with operator(
            tmp_path,
            {
                **environ,
                **spans.environ(),
                "KUBECONFIG": str(own.operator_kubeconfig()),
                "NAMESPACES": own.namespace,
                "GRANTS": json.dumps({own.namespace: {"pods": 1}}),
            },
        ):
            own.run_pod(own.wait_for_pods(name, 1)[0])
            own.wait_for_state(name, "Succeeded")
            whole = spans.wait_for(
                trace,
                "POST /api/batch",
                "store create",
                "reconcile",
                "CreateJob",
                "shard",
                "image",
                "render",
                "store",
                "WriteStatus",
            )
    by_name = {each.name: each for each in whole}
    assert sum(each.name == "image" for each in whole) == 17
    assert (
        own.get(name)["metadata"]["annotations"]["imagejobs.dev/traceparent"]
        == f"00-{trace}-{by_name['POST /api/batch'].id}-01"
    )
    assert {by_name[each].parent for each in ("reconcile", "shard")} == {by_name["POST /api/batch"].id}
    assert by_name["image"].parent == by_name["shard"].id


def test_a_job_of_many_images_runs_as_an_indexed_job(
    cluster: Cluster, running: Operator, s3: S3Settings
) -> None:
    uid = cluster.create("many", spec(25, itemsPerPod=10, parallelism=2))["metadata"]["uid"]
    pods = cluster.wait_for_pods("many", 2)
    (job,) = cluster.jobs("many")
    assert job["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "imagejobs.dev/v1alpha1",
            "kind": "ImageJob",
            "name": "many",
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    cluster.begin(pods[0])
    status = cluster.wait_for_state("many", "Running")
    assert status["job"] == {"name": job["metadata"]["name"], "shards": 3}
    cluster.change("many", parallelism=3)
    pods = cluster.wait_for_pods("many", 3)
    for pod in pods.values():
        cluster.run_pod(pod)
    status = cluster.wait_for_state("many", "Succeeded")
    assert status["items"] == {"total": 25, "active": 0, "succeeded": 25, "failed": 0}
    assert status["results"]["key"] == f"jobs/{uid}/results/"
    cluster.plane.kubectl("wait", "--for=condition=Finished", WAIT, "-n", cluster.namespace, "ij/many")
    columns = cluster.plane.kubectl("get", "ij", "many", "-n", cluster.namespace, "--no-headers").split()
    assert columns[:6] == ["many", "Succeeded", "100%", "25", "0", "25"]
    assert asyncio.run(S3Objects(s3).head(f"{default_prefix(cluster.namespace, 'many', uid)}/24.jpg"))
    assert (
        cluster.plane.kubectl("get", "ij", "many", "-n", cluster.namespace, "-o", "wide", "--no-headers")
        .split()[9]
        .endswith("s")
    )
    described = " ".join(cluster.plane.kubectl("describe", "ij", "many", "-n", cluster.namespace).split())
    assert "Message: 25 of 25 images succeeded, 0 failed" in described
    assert "Reason: NotFailed Status: False Type: Failed" in described
    cluster.delete("many")
    eventually(lambda: not cluster.jobs("many"))


def test_a_shard_that_cannot_be_read_fails_its_images_only(cluster: Cluster, running: Operator) -> None:
    cluster.create("poison", spec(20, itemsPerPod=10))
    pods = cluster.wait_for_pods("poison", 2)
    cluster.end(pods[1], 65)
    cluster.run_pod(pods[0])
    status = cluster.wait_for_state("poison", "PartiallySucceeded")
    assert status["items"] == {"total": 20, "active": 0, "succeeded": 10, "failed": 10}
    assert status["failureCodes"] == ["internal_error"]
    assert status["failures"][0]["name"] == "10.jpg"
    cluster.change("poison", retryFailed=1)
    pods = cluster.wait_for_pods("poison", 2)
    for pod in pods.values():
        cluster.run_pod(pod)
    status = cluster.wait_for_state("poison", "Succeeded")
    assert (status["attempt"], status["items"]["succeeded"]) == (2, 20)


def test_wrong_credentials_fail_the_job_at_once(cluster: Cluster, running: Operator) -> None:
    cluster.create("keys", spec(20, itemsPerPod=10))
    cluster.end(cluster.wait_for_pods("keys", 2)[0], 78)
    status = cluster.wait_for_state("keys", "Failed")
    assert conditions(status)["Failed"] == ("True", "JobFailed")
    assert status["failureCodes"] == ["storage_error"]


def test_a_container_without_memory_is_named(cluster: Cluster, running: Operator) -> None:
    cluster.create("memory", spec(18, itemsPerPod=10, maxFailedItems=0))
    job = cluster.wait_for_pods("memory", 2)
    cluster.run_pod(job[1])
    name = cluster.jobs("memory")[0]["metadata"]["name"]
    cluster.end(cluster.pods("memory")[0], 137)
    cluster.call(
        "PATCH",
        f"/apis/batch/v1/namespaces/{cluster.namespace}/jobs/{name}",
        {"spec": {"activeDeadlineSeconds": 1}},
        "application/merge-patch+json",
    )
    status = cluster.wait_for_state("memory", "Failed")
    assert status["failureCodes"] == ["out_of_memory"]


def test_suspend_resume_and_cancel_of_a_job(cluster: Cluster, running: Operator) -> None:
    cluster.create("pause", spec(20, itemsPerPod=10))
    cluster.wait_for_pods("pause", 2)
    cluster.change("pause", suspend=True)
    status = cluster.wait_for_state("pause", "Suspended")
    assert conditions(status)["Suspended"] == ("True", "Suspended")
    cluster.wait_for_pods("pause", 0)
    cluster.change("pause", suspend=False)
    cluster.run_pod(cluster.wait_for_pods("pause", 2)[0])
    cluster.change("pause", cancel=True)
    status = cluster.wait_for_state("pause", "Cancelled")
    assert status["items"]["succeeded"] == 10
    assert not cluster.jobs("pause")


def test_a_job_that_a_person_suspends_stays_so_until_they_resume_it(
    cluster: Cluster, running: Operator
) -> None:
    cluster.create("paused", spec(20, itemsPerPod=10))
    cluster.wait_for_pods("paused", 2)
    (name,) = (each["metadata"]["name"] for each in cluster.jobs("paused"))
    path = f"/apis/batch/v1/namespaces/{cluster.namespace}/jobs/{name}"

    def hold(suspend: bool) -> None:
        cluster.call("PATCH", path, {"spec": {"suspend": suspend}}, "application/merge-patch+json")

    hold(True)
    cluster.wait_for_pods("paused", 0)
    # Only the operator writes this, so it has seen the Job, and left it as it was.
    eventually(
        lambda: any(
            "is suspended, and not by imagejobs" in each["message"]
            for each in cluster.get("paused")["status"]["conditions"]
        )
    )
    assert cluster.call("GET", path)["spec"]["suspend"] is True
    hold(False)
    cluster.wait_for_pods("paused", 2)
    cluster.delete("paused")


def test_what_is_stored_while_kubectl_deletes_a_job_goes_with_it(
    cluster: Cluster, running: Operator, redis: str, s3: S3Settings
) -> None:
    output, objects = {"deletionPolicy": "Delete"}, S3Objects(s3)
    made = {"pods": cluster.create("pods", spec(20, itemsPerPod=10, output=output))}
    held = cluster.wait_for_pods("pods", 2)[0]
    cluster.begin(held)
    cluster.hold(held, True)
    made["pooled"] = cluster.create("pooled", spec(1, execution="Pool", output=output))
    eventually(lambda: cluster.get("pooled").get("status", {}).get("state") == "Queued")
    cluster.plane.kubectl("delete", "--wait=false", "-n", cluster.namespace, "ij/pods", "ij/pooled")
    late = {
        name: f"{default_prefix(cluster.namespace, name, job['metadata']['uid'])}/0.jpg"
        for name, job in made.items()
    }
    for key in late.values():
        asyncio.run(objects.put(key, b"late", content_type="image/jpeg"))
    eventually(lambda: not cluster.get("pooled"))
    assert cluster.get("pods"), "a pod of its Job is not gone"
    assert asyncio.run(objects.head(late["pods"]))
    cluster.hold(held, False)
    eventually(lambda: not cluster.get("pods"))
    assert not cluster.jobs("pods")
    assert [asyncio.run(objects.head(key)) for key in late.values()] == [None, None]


def test_a_job_of_an_attempt_that_the_status_does_not_name_is_waited_for_too(
    cluster: Cluster, running: Operator, s3: S3Settings
) -> None:
    """An operator made it that was killed then, or that had not seen the newest version."""
    made = cluster.create("twice", spec(20, itemsPerPod=10, output={"deletionPolicy": "Delete"}))
    cluster.wait_for_pods("twice", 2)
    (first,) = cluster.jobs("twice")
    second = _copy_as_attempt(first, 7)
    cluster.call("POST", f"/apis/batch/v1/namespaces/{cluster.namespace}/jobs", second)
    eventually(lambda: len(_pods_of(cluster, second)) == 2)
    held = _pods_of(cluster, second)[0]
    cluster.hold(held, True)
    cluster.delete("twice")
    eventually(
        lambda: [each["metadata"]["name"] for each in cluster.jobs("twice")] == [second["metadata"]["name"]]
    )
    late = f"{default_prefix(cluster.namespace, 'twice', made['metadata']['uid'])}/0.jpg"
    asyncio.run(S3Objects(s3).put(late, b"late", content_type="image/jpeg"))
    assert cluster.get("twice"), "a pod of the other Job is not gone"
    cluster.hold(held, False)
    eventually(lambda: not cluster.get("twice"))
    assert not cluster.jobs("twice")
    assert asyncio.run(S3Objects(s3).head(late)) is None


def _copy_as_attempt(job: dict[str, Any], attempt: int) -> dict[str, Any]:
    """Return a Job for another attempt."""
    meta = job["metadata"]
    template = job["spec"]["template"]
    own = {
        name: value
        for name, value in template["metadata"]["labels"].items()
        if not name.startswith("batch.kubernetes.io/") and name not in ("job-name", "controller-uid")
    }
    return {
        "metadata": {
            "name": f"{meta['name'].rpartition('-')[0]}-{attempt}",
            "labels": meta["labels"],
            "annotations": {"imagejobs.dev/attempt": str(attempt)},
            "ownerReferences": meta["ownerReferences"],
        },
        "spec": {
            **{name: value for name, value in job["spec"].items() if name not in ("selector", "template")},
            "template": {"metadata": {"labels": own}, "spec": template["spec"]},
        },
    }


def _pods_of(cluster: Cluster, job: dict[str, Any]) -> list[dict[str, Any]]:
    label = f"batch.kubernetes.io/job-name%3D{job['metadata']['name']}"
    path = f"/api/v1/namespaces/{cluster.namespace}/pods?labelSelector={label}"
    found: list[dict[str, Any]] = cluster.call("GET", path)["items"]
    return found


def test_items_that_would_overwrite_each_other_are_refused(cluster: Cluster, running: Operator) -> None:
    cluster.create(
        "same", {"items": [{"name": "a.jpg", "key": "in/0.jpg"}, {"name": "a.png", "key": "in/1.jpg"}]}
    )
    eventually(lambda: "conditions" in cluster.get("same").get("status", {}))
    status = cluster.get("same")["status"]
    assert conditions(status)["Accepted"] == ("False", "InvalidSpec")
    assert conditions(status)["Stalled"] == ("True", "InvalidSpec")
    assert "overwrite" in status["conditions"][0]["message"]


def test_an_operator_that_was_killed_goes_on_with_the_same_job(
    cluster: Cluster, environ: dict[str, str], running: Operator, tmp_path: Path
) -> None:
    running.kill()
    with operator(tmp_path, environ) as second:
        cluster.create("restart", spec(20, itemsPerPod=10))
        pods = cluster.wait_for_pods("restart", 2)
        second.kill()
    for pod in pods.values():
        cluster.run_pod(pod)
    eventually(
        lambda: any(
            each["type"] == "Complete" for each in cluster.jobs("restart")[0]["status"].get("conditions", ())
        )
    )
    with operator(tmp_path, environ) as third:
        status = cluster.wait_for_state("restart", "Succeeded")
        assert status["items"]["succeeded"] == 20
        assert len(cluster.jobs("restart")) == 1
        assert third.stop() == 0, third.log.read_text()
