"""A user with `edit` on one namespace tries to reach what is another's, on a real API server.

The operator runs as a program under its own role, workers are the real ones, the bucket and Redis are real.
Bob is a caller of the API; his picture is private, his job is in the same namespace and bucket.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagejobs_contract.model.output_names import default_prefix
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.cluster.control_plane import ADMISSION
from support.operator.cluster import API, MERGE_PATCH, Cluster, photo
from support.operator.hostile_jobs import (
    BOB,
    BOBS_FILES,
    BOBS_UPLOAD,
    REFUSED_BY_THE_API_SERVER,
    REFUSED_BY_THE_OPERATOR,
    VARIANT,
    imagejob,
    labelled,
)
from support.operator.process import operator, s3_environ
from support.servers import data_servers
from support.servers.webhook_receiver import SECRET

RBAC = "/apis/rbac.authorization.k8s.io/v1"
EDIT = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
"""All that the chart's roles for `view` and `edit` give on ImageJobs (templates/users/clusterroles.yaml)."""
OPERATOR = Path(__file__).parents[2] / "manifests" / "rbac-operator.yaml"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A user who may do with the ImageJobs of one namespace what `edit` allows.

    Attributes:
        cluster: That namespace, as its administrator sees it.
    """

    cluster: Cluster
    kubeconfig: Path

    def apply(self, body: dict[str, Any]) -> str:
        """Create an object; return what the API server said against it, "" if it took it."""
        try:
            self.cluster.plane.kubectl(
                "create", "-f", "-", stdin=json.dumps(body), kubeconfig=self.kubeconfig
            )
        except AssertionError as ex:
            return str(ex)
        return ""

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl as this user."""
        return self.cluster.plane.kubectl(
            *arguments, "-n", self.cluster.namespace, kubeconfig=self.kubeconfig
        )


@pytest.fixture(scope="module")
def s3(seaweed_server: data_servers.Server, bucket_maker: Any) -> S3Settings:
    bucket = f"test-borders-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    for key, data in {**BOBS_FILES, "blog/a.jpg": photo()}.items():
        bucket_maker.put_object(Bucket=bucket, Key=key, Body=data)
    return data_servers.bucket_settings(seaweed_server, bucket)


@pytest.fixture(scope="module")
def tenants(
    controlplane: ControlPlane,
    s3: S3Settings,
    valkey_server: data_servers.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Tenant, Tenant]]:
    """Two namespaces under one operator: the first was given `blog/` and pods, the second nothing."""
    environ = {**s3_environ(s3), "REDIS_URL": valkey_server.url("redis", "redis") + "/5"}
    given, poor = (make_tenant(controlplane, environ) for _ in range(2))
    kubeconfig = given.cluster.operator_kubeconfig()
    bind(poor.cluster, "imagejobs-operator", given.cluster.namespace, yaml.safe_load(OPERATOR.read_text()))
    grants = {given.cluster.namespace: {"sources": ["blog/"], "pods": 2}}
    told = {
        **environ, "KUBECONFIG": str(kubeconfig), "GRANTS": json.dumps(grants), "RESYNC_SECONDS": "600",
        "NAMESPACES": f"{given.cluster.namespace},{poor.cluster.namespace}", "WORKER_IMAGE": "worker:test",
        "WEBHOOK_SECRETS": SECRET, "ALLOWED_PRIVATE_CALLBACKS": "127.0.0.0/8",
    }  # fmt: skip
    with operator(tmp_path_factory.mktemp("operator"), told):
        yield given, poor


def make_tenant(plane: ControlPlane, environ: dict[str, str]) -> Tenant:
    cluster = Cluster(plane, plane.new_namespace(), environ)
    kubeconfig = plane.service_account(cluster.namespace, "tenant")
    role = {
        "metadata": {"name": "edit-imagejobs"},
        "rules": [{"apiGroups": ["imagejobs.dev"], "resources": ["imagejobs"], "verbs": EDIT}],
    }
    bind(cluster, "tenant", cluster.namespace, role)
    return Tenant(cluster, kubeconfig)


def bind(cluster: Cluster, account: str, namespace: str, role: dict[str, Any]) -> None:
    """Give an account of a namespace a role in the cluster's namespace."""
    path, name = f"{RBAC}/namespaces/{cluster.namespace}", role["metadata"]["name"]
    cluster.call("POST", f"{path}/roles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    cluster.call("POST", f"{path}/rolebindings", binding)


def stored(s3: S3Settings, prefix: str) -> dict[str, bytes]:
    """Return the objects under a prefix."""

    async def read() -> dict[str, bytes]:
        objects = S3Objects(s3)
        keys = [each.key async for page in objects.list(prefix) for each in page]
        return {key: (await objects.get(key, 10**6))[0] for key in keys}

    return asyncio.run(read())


def bobs_files(s3: S3Settings) -> dict[str, bytes]:
    found = {key: data for folder in ("uploads/", "sites/") for key, data in stored(s3, folder).items()}
    return found | {
        key: stored(s3, "outputs/").get(key, b"") for key in BOBS_FILES if key.startswith("outputs/")
    }


@pytest.mark.parametrize(("body", "why"), REFUSED_BY_THE_API_SERVER.values(), ids=REFUSED_BY_THE_API_SERVER)
def test_the_api_server_refuses(tenants: tuple[Tenant, Tenant], body: dict[str, Any], why: str) -> None:
    said = tenants[0].apply(body)
    assert why in said, said


def test_the_operator_refuses_and_touches_nothing_of_bobs(
    tenants: tuple[Tenant, Tenant], s3: S3Settings
) -> None:
    """In one test, because each deletion waits a minute for workers that may be late."""
    tenant, cluster, said = tenants[0], tenants[0].cluster, {}
    for body, _ in REFUSED_BY_THE_OPERATOR.values():
        assert tenant.apply(labelled(body, finalizers=["imagejobs.dev/outputs"])) == ""
    for what, (body, _) in REFUSED_BY_THE_OPERATOR.items():
        name = body["metadata"]["name"]
        eventually(lambda name=name: "conditions" in cluster.get(name)["status"])
        accepted = {each["type"]: each for each in cluster.get(name)["status"]["conditions"]}["Accepted"]
        assert (accepted["status"], accepted["reason"]) == ("False", "NotGranted"), what
        said[what] = accepted["message"].partition(": ")[0]
        assert not cluster.jobs(name)
    assert said == {what: where for what, (_, where) in REFUSED_BY_THE_OPERATOR.items()}
    names = [body["metadata"]["name"] for body, _ in REFUSED_BY_THE_OPERATOR.values()]
    tenant.kubectl("delete", "ij", *names, "--wait=false")
    eventually(lambda: not any(map(cluster.get, names)), 120)
    assert bobs_files(s3) == BOBS_FILES


def test_a_refusal_is_the_same_whether_there_is_such_a_file_or_not(tenants: tuple[Tenant, Tenant]) -> None:
    tenant, said = tenants[0], []
    for name, key in (("there", BOBS_UPLOAD), ("not-there", f"{BOBS_UPLOAD}.none")):
        assert tenant.apply(imagejob(name, manifest={"key": key, "count": 3})) == ""
        eventually(lambda name=name: "conditions" in tenant.cluster.get(name)["status"])
        said.append([each["message"] for each in tenant.cluster.get(name)["status"]["conditions"]])
    assert said[0] == said[1]


def test_what_only_the_api_may_say_cannot_be_added_or_taken_off_later(tenants: tuple[Tenant, Tenant]) -> None:
    tenant = tenants[0]
    assert tenant.apply(imagejob("later", suspend=True)) == ""
    with pytest.raises(AssertionError, match="set by the API only"):
        tenant.kubectl("label", "ij", "later", "imagejobs.dev/caller=bob")
    tenant.cluster.call(
        "PATCH",
        f"{API}/namespaces/{tenant.cluster.namespace}/imagejobs/later",
        {"metadata": BOB},
        MERGE_PATCH,
    )
    with pytest.raises(AssertionError, match="set by the API only"):
        tenant.kubectl("label", "ij", "later", "imagejobs.dev/caller-")
    tenant.kubectl("label", "ij", "later", "team=blog")  # everything else stays the users'


def test_a_namespace_does_with_what_it_was_given_and_no_more_pods(
    tenants: tuple[Tenant, Tenant], s3: S3Settings
) -> None:
    tenant = tenants[0]
    many = imagejob("mine", items=[{"key": "blog/a.jpg"}] * 30, itemsPerPod=5, parallelism=1000)
    assert tenant.apply(many) == ""
    pods = tenant.cluster.wait_for_pods("mine", 2)
    (job,) = tenant.cluster.jobs("mine")
    assert (job["spec"]["parallelism"], job["spec"]["completions"]) == (2, 6)
    tenant.cluster.run_pod(pods[0])
    uid = tenant.cluster.get("mine")["metadata"]["uid"]
    assert len(stored(s3, f"{default_prefix(tenant.cluster.namespace, 'mine', uid)}/")) == 5
    tenant.kubectl("delete", "ij", "mine", "--wait=false")


def test_jobs_of_one_name_in_two_namespaces_keep_their_own_results(
    tenants: tuple[Tenant, Tenant], s3: S3Settings
) -> None:
    """The second has no pods: its result is put there as a worker of the pool does it."""
    first, second = tenants
    assert first.apply(imagejob("nightly", execution="Job")) == ""
    first.cluster.run_pod(first.cluster.wait_for_pods("nightly", 1)[0])
    first.cluster.wait_for_state("nightly", "Succeeded")
    kept = first.cluster.get("nightly")["status"]["outcomes"][0]["outputs"][0]["key"]
    body = imagejob("nightly", items=[{"url": "http://192.0.2.1/a.jpg"}], output={"deletionPolicy": "Delete"})
    assert second.apply(labelled(body, finalizers=["imagejobs.dev/outputs"])) == ""
    eventually(lambda: "conditions" in second.cluster.get("nightly")["status"])
    uid = second.cluster.get("nightly")["metadata"]["uid"]
    gone = f"{default_prefix(second.cluster.namespace, 'nightly', uid)}/a.jpg"
    asyncio.run(S3Objects(s3).put(gone, b"x", content_type="image/jpeg", metadata={"uid": uid}))
    second.kubectl("delete", "ij", "nightly", "--wait=false")
    eventually(lambda: not second.cluster.get("nightly"), 120)
    assert kept in stored(s3, "outputs/")
    assert gone not in stored(s3, "outputs/")


def test_without_the_policy_nobody_is_believed_to_be_the_api(
    controlplane: ControlPlane,
    s3: S3Settings,
    valkey_server: data_servers.Server,
    tmp_path: Path,
) -> None:
    environ = {**s3_environ(s3), "REDIS_URL": valkey_server.url("redis", "redis") + "/6"}
    tenant = make_tenant(controlplane, environ)
    told = {
        **environ, "KUBECONFIG": str(tenant.cluster.operator_kubeconfig()), "RESYNC_SECONDS": "1",
        "NAMESPACES": tenant.cluster.namespace, "WORKER_IMAGE": "worker:test", "JOBS_ENABLED": "false",
    }  # fmt: skip
    claims = {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "metadata": {
            "name": "forged", "namespace": tenant.cluster.namespace, "labels": {"imagejobs.dev/caller": "bob"}
        },
        "spec": {"items": [{"key": BOBS_UPLOAD}], "variants": [VARIANT]},
    }  # fmt: skip
    with operator(tmp_path, told):
        assert "set by the API only" in tenant.apply(claims)
        controlplane.kubectl("delete", "validatingadmissionpolicybinding", "claims.imagejobs.dev")
        try:
            eventually(lambda: tenant.apply(claims) == "", 60)
            refused = eventually(lambda: condition(tenant.cluster.get("forged"), "Accepted"), 60)
            assert (refused["status"], refused["reason"]) == ("False", "NotGranted")
            assert "anybody could say" in refused["message"]
            tenant.cluster.delete("forged")
        finally:
            controlplane.kubectl("apply", "--server-side", "-f", str(ADMISSION))
        again = claims | {"metadata": claims["metadata"] | {"name": "again"}}
        eventually(lambda: "set by the API only" in tenant.apply(again), 60)


def condition(body: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a condition of an ImageJob, or {}."""
    found = body.get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == kind), {})
