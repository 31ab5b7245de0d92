"""A watched namespace that is deleted, forbidden or comes again: the others notice nothing, and it goes."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagejobs_contract.runtime.settings import S3Settings
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import ROLE, Cluster
from support.operator.process import Operator, operator, s3_environ

EVERYWHERE = ROLE.with_name("rbac-operator-namespaces.yaml")
RBAC = "/apis/rbac.authorization.k8s.io/v1"
DELETE = {"deletionPolicy": "Delete"}
MINUTE = 60.0


@pytest.fixture
def clusters(controlplane: ControlPlane) -> Iterator[list[Cluster]]:
    """Two namespaces."""
    made = [Cluster(controlplane, controlplane.new_namespace(), {}) for _ in range(2)]
    yield made
    for each in made:
        controlplane.request("DELETE", f"/api/v1/namespaces/{each.namespace}")


@pytest.fixture
def rights(clusters: list[Cluster]) -> Iterator[Path]:
    """Let one account work in both, as the chart does; return its kubeconfig."""
    first = clusters[0]
    kubeconfig = first.operator_kubeconfig()
    subject = {"kind": "ServiceAccount", "name": "imagejobs-operator", "namespace": first.namespace}
    let_in(clusters[1], subject)
    name = f"namespaces-{first.namespace}"
    role = yaml.safe_load(EVERYWHERE.read_text())
    role["metadata"]["name"] = name
    first.call("POST", f"{RBAC}/clusterroles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    first.call("POST", f"{RBAC}/clusterrolebindings", binding)
    yield kubeconfig
    first.call("DELETE", f"{RBAC}/clusterrolebindings/{name}")
    first.call("DELETE", f"{RBAC}/clusterroles/{name}")


def let_in(cluster: Cluster, subject: dict[str, str]) -> None:
    role = yaml.safe_load(ROLE.read_text())
    path = f"{RBAC}/namespaces/{cluster.namespace}"
    cluster.call("POST", f"{path}/roles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    binding = {"metadata": {"name": "imagejobs-operator"}, "roleRef": reference, "subjects": [subject]}
    cluster.call("POST", f"{path}/rolebindings", binding)


@pytest.fixture
def running(
    clusters: list[Cluster], rights: Path, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> Iterator[Operator]:
    """An operator of both namespaces."""
    environ = {
        **s3_environ(s3_settings),
        "REDIS_URL": redis_url,
        "KUBECONFIG": str(rights),
        "NAMESPACES": ",".join(each.namespace for each in clusters),
        "RESYNC_SECONDS": "2",
        "WORKER_IMAGE": "worker:test",
        "HEALTH_LISTEN": f"127.0.0.1:{free_port()}",
        "GRANTS": json.dumps({each.namespace: {"sources": ["in/"], "pods": 100} for each in clusters}),
    }
    with operator(tmp_path, environ) as running:
        running.health = environ["HEALTH_LISTEN"]  # type: ignore[attr-defined]
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_ready(running: Operator) -> bool:
    try:
        with urllib.request.urlopen(f"http://{running.health}/readyz", timeout=10) as answer:  # type: ignore[attr-defined]
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def spec(**changes: Any) -> dict[str, Any]:
    return {"items": [{"name": "a.jpg", "key": "in/a.jpg"}], "execution": "Pool", **changes}


def delete_namespace(cluster: Cluster) -> None:
    cluster.call("DELETE", f"/api/v1/namespaces/{cluster.namespace}")


def is_gone(cluster: Cluster) -> bool:
    return cluster.plane.request("GET", f"/api/v1/namespaces/{cluster.namespace}")[0] == 404


def what_holds(cluster: Cluster) -> object:
    """Return what the namespace controller says about a namespace that is being deleted."""
    return cluster.plane.request("GET", f"/api/v1/namespaces/{cluster.namespace}")[1].get("status")


def create_again(cluster: Cluster) -> None:
    body = {"metadata": {"name": cluster.namespace}}
    cluster.call("POST", "/api/v1/namespaces", body)


def test_a_namespace_goes_within_a_minute_whatever_runs_in_it_and_comes_again(
    clusters: list[Cluster], running: Operator
) -> None:
    stays, goes = clusters
    stays.create("before", spec())
    stays.wait_for_state("before", "Queued")
    for n in range(3):
        goes.create(f"runs-{n}", spec(output=DELETE))
        goes.wait_for_state(f"runs-{n}", "Queued")
    delete_namespace(goes)
    eventually(lambda: is_gone(goes), MINUTE, seen=lambda: what_holds(goes))
    assert is_ready(running)
    assert running.process.poll() is None
    stays.create("during", spec())
    stays.wait_for_state("during", "Queued")

    create_again(goes)
    let_in(goes, {"kind": "ServiceAccount", "name": "imagejobs-operator", "namespace": stays.namespace})
    goes.create("again", spec())
    goes.wait_for_state("again", "Queued", seconds=MINUTE)
    assert is_ready(running)


def test_a_namespace_without_our_rights_concerns_no_other_and_is_told_once(
    clusters: list[Cluster], running: Operator
) -> None:
    stays, closed = clusters
    closed.create("waits", spec())
    closed.wait_for_state("waits", "Queued")
    path = f"{RBAC}/namespaces/{closed.namespace}/rolebindings/imagejobs-operator"
    binding = closed.call("GET", path)
    closed.call("DELETE", path)
    closed.change("waits", cancel=True)
    for n in range(4):  # each begins by an event, and ends after a resync or two
        stays.create(f"job-{n}", spec(ttlSecondsAfterFinished=1))
        stays.wait_for_state(f"job-{n}", "Queued")
        stays.change(f"job-{n}", cancel=True)
        eventually(lambda n=n: not stays.get(f"job-{n}"))
    assert is_ready(running)
    assert closed.get("waits")["status"]["state"] == "Queued"
    kept = {name: binding[name] for name in ("roleRef", "subjects")}
    closed.call("POST", path.rpartition("/")[0], {"metadata": {"name": "imagejobs-operator"}, **kept})
    closed.wait_for_state("waits", "Cancelled", seconds=MINUTE)


def test_an_operator_that_starts_beside_a_namespace_that_goes_lets_go_of_its_jobs(
    clusters: list[Cluster], running: Operator, rights: Path, tmp_path: Path, s3_settings: S3Settings
) -> None:
    stays, goes = clusters
    goes.create("runs", spec(output=DELETE))
    goes.wait_for_state("runs", "Queued")
    environ = dict(
        line.split("=", 1)
        for line in Path(f"/proc/{running.process.pid}/environ").read_text().split("\0")
        if "=" in line
    )
    running.kill()
    delete_namespace(goes)
    eventually(lambda: "deletionTimestamp" in goes.get("runs").get("metadata", {}))
    with operator(tmp_path, environ):
        eventually(lambda: is_gone(goes), MINUTE)
    assert stays.namespace
