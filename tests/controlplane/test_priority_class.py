"""A PriorityClass that does not exist is said before a Job is made, by an operator under its real role."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from imagejobs_contract.runtime.settings import S3Settings
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import CLAIMS, MERGE_PATCH, Cluster
from support.operator.process import operator, s3_environ

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.fixture
def cluster(
    controlplane: ControlPlane, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> Iterator[Cluster]:
    """A namespace with an operator, which may name two classes: neither exists."""
    made = Cluster(controlplane, controlplane.new_namespace(), {})
    grant = {"sources": ["in/"], "pods": 10, "priorityClasses": [f"late-{made.namespace}", "never"]}
    environ = {
        **s3_environ(s3_settings),
        "REDIS_URL": redis_url,
        "KUBECONFIG": str(made.operator_kubeconfig()),
        "NAMESPACES": made.namespace,
        "RESYNC_SECONDS": "1",
        "WORKER_IMAGE": "worker:test",
        "GRANTS": json.dumps({made.namespace: grant}),
    }
    with operator(tmp_path, environ):
        yield made
    controlplane.request("DELETE", f"/api/v1/namespaces/{made.namespace}")


def spec(name: str) -> dict[str, object]:
    return {"items": [{"key": "in/a.jpg"}], "execution": "Job", "priorityClassName": name}


def reasons(cluster: Cluster, name: str) -> dict[str, str]:
    found = cluster.get(name)["status"].get("conditions", [])
    return {each["type"]: each["reason"] for each in found}


def test_a_class_that_does_not_exist_is_said_and_no_job_is_made_until_it_does(cluster: Cluster) -> None:
    name = f"late-{cluster.namespace}"
    cluster.create("waits", spec(name))
    eventually(lambda: reasons(cluster, "waits").get("Stalled") == "PriorityClassNotFound")
    assert reasons(cluster, "waits")["Finished"] == "PriorityClassNotFound"  # kubectl get shows this one
    told = next(each for each in cluster.get("waits")["status"]["conditions"] if each["type"] == "Stalled")
    assert (
        told["message"]
        == f"there is no PriorityClass {name} in this cluster; the job begins when there is one"
    )
    assert cluster.jobs("waits") == []
    cluster.call("POST", CLASSES, {"metadata": {"name": name}, "value": 1})
    try:
        cluster.wait_for_pods("waits", 1)
        eventually(lambda: "Stalled" not in reasons(cluster, "waits"))
    finally:
        cluster.call("DELETE", f"{CLASSES}/{name}")


def test_an_operator_that_may_not_look_makes_the_job_as_before(cluster: Cluster) -> None:
    """As with roles of the last release, which people may have bound themselves."""
    role = yaml.safe_load(CLAIMS.read_text())
    path = f"{ROLES}/{role['metadata']['name']}.{cluster.namespace}"
    rules = [each for each in role["rules"] if "priorityclasses" not in each["resources"]]
    cluster.call("PATCH", path, {"rules": rules}, MERGE_PATCH)
    account = f"system:serviceaccount:{cluster.namespace}:imagejobs-operator"

    def may_look() -> str:
        try:
            return cluster.plane.kubectl("auth", "can-i", "get", "priorityclasses", "--as", account)
        except AssertionError:  # the answer no is an exit code
            return "no"

    eventually(lambda: may_look() == "no")
    cluster.create("refused", spec("never"))
    eventually(lambda: len(cluster.jobs("refused")) == 1)
