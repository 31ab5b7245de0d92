"""Two operators with a Lease on a real API server, under the roles of the manifests: one works, one waits."""

import json
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from imagejobs_contract.runtime.settings import S3Settings
from support.clock.waiting import SLOW_SECONDS, eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import ROLE, Cluster, photo
from support.operator.process import Operator, good, operator, s3_environ, worker_thread
from support.servers import data_servers

pytestmark = pytest.mark.timeout(3 * SLOW_SECONDS)
LEASE = "imagejobs-operator"
LEASE_ROLE = ROLE.with_name("rbac-operator-lease.yaml")
JOB = {"items": [{"name": "0.jpg", "key": "in/0.jpg"}], "variants": [{"name": "a", "width": 8}]}


@pytest.fixture
def cluster(
    controlplane: ControlPlane,
    seaweed_server: data_servers.Server,
    valkey_server: data_servers.Server,
    bucket_maker: Any,
) -> Cluster:
    """A namespace, and in it the role for the Lease."""
    bucket = f"test-leader-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    bucket_maker.put_object(Bucket=bucket, Key="in/0.jpg", Body=photo())
    s3: S3Settings = data_servers.bucket_settings(seaweed_server, bucket)
    redis = valkey_server.url("redis", "redis") + "/0"
    return Cluster(controlplane, controlplane.new_namespace(), {**s3_environ(s3), "REDIS_URL": redis})


@pytest.fixture
def environ(cluster: Cluster) -> dict[str, str]:
    """The variables of both operators."""
    kubeconfig = cluster.operator_kubeconfig()
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}"
    role = yaml.safe_load(LEASE_ROLE.read_text())
    cluster.call("POST", f"{rbac}/roles", role)
    subject = {"kind": "ServiceAccount", "name": "imagejobs-operator", "namespace": cluster.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    bound = {"metadata": role["metadata"], "roleRef": reference, "subjects": [subject]}
    cluster.call("POST", f"{rbac}/rolebindings", bound)
    return {
        **cluster.environ,
        "KUBECONFIG": str(kubeconfig),
        "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "600",
        "JOBS_ENABLED": "false",
        "GRANTS": json.dumps({cluster.namespace: {"sources": ["in/"]}}),
        "LEADER_LEASE": f"{cluster.namespace}/{LEASE}",
        "LEADER_LEASE_SECONDS": "4",
    }


@pytest.fixture
def two(environ: dict[str, str], tmp_path: Path) -> Iterator[tuple[Operator, Operator]]:
    """An operator that leads, and one that waits."""
    with ExitStack() as stack:
        leader = stack.enter_context(operator(tmp_path, environ))
        waiter = stack.enter_context(operator(tmp_path, environ, begins_with="waits for the Lease"))
        yield leader, waiter


def holder(cluster: Cluster) -> str:
    """Return who holds the Lease."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{cluster.namespace}/leases/{LEASE}"
    return str(cluster.call("GET", path)["spec"].get("holderIdentity", ""))


def versions(cluster: Cluster) -> dict[str, str]:
    """Return the versions of all ImageJobs."""
    path = f"/apis/imagejobs.dev/v1alpha1/namespaces/{cluster.namespace}/imagejobs"
    found = (each["metadata"] for each in cluster.call("GET", path)["items"])
    return {meta["name"]: meta["resourceVersion"] for meta in found}


def test_the_other_one_goes_on_when_the_holder_is_killed_or_stops(
    cluster: Cluster, two: tuple[Operator, Operator], environ: dict[str, str], tmp_path: Path
) -> None:
    leader, waiter = two
    with worker_thread(environ["REDIS_URL"], good):
        cluster.create("first", JOB)
        cluster.wait_for_state("first", "Succeeded")
        assert not waiter.says("leads")
        leader.kill()
        cluster.create("second", JOB)
        cluster.wait_for_state("second", "Succeeded")
        assert waiter.says("leads")
        with operator(tmp_path, environ, begins_with="waits for the Lease") as third:
            assert waiter.stop() == 0
            assert third.process.poll() is None
            cluster.create("third", JOB)
            cluster.wait_for_state("third", "Succeeded")
            assert third.stop() == 0
        assert holder(cluster) == "", "it was given back"


def test_a_holder_that_was_frozen_writes_nothing_and_ends(
    cluster: Cluster, two: tuple[Operator, Operator], environ: dict[str, str]
) -> None:
    leader, waiter = two
    frozen = holder(cluster)
    leader.process.send_signal(signal.SIGSTOP)
    try:
        cluster.create("first", JOB)  # lies in its socket when it wakes
        waiter.wait_for("leads")
        with worker_thread(environ["REDIS_URL"], good):
            cluster.wait_for_state("first", "Succeeded")
        cluster.create("second", JOB)
        cluster.wait_for_state("second", "Queued")
        before = versions(cluster)
    finally:
        leader.process.send_signal(signal.SIGCONT)
    eventually(lambda: leader.process.poll() is not None, SLOW_SECONDS, seen=leader.log.read_text)
    assert leader.process.returncode == 1
    assert versions(cluster) == before
    assert holder(cluster) not in ("", frozen)


def test_ready_and_metrics_say_who_leads(environ: dict[str, str], cluster: Cluster, tmp_path: Path) -> None:
    def addresses() -> dict[str, str]:
        ports = data_servers.free_ports(["HEALTH_LISTEN", "METRICS_LISTEN"])
        return {name: f"127.0.0.1:{port}" for name, port in ports.items()}

    def ask(told: dict[str, str]) -> tuple[str, str]:
        ready = httpx2.get(f"http://{told['HEALTH_LISTEN']}/readyz")
        metrics = httpx2.get(f"http://{told['METRICS_LISTEN']}/metrics").text
        assert ready.status_code == 200
        gauge = next(line for line in metrics.splitlines() if line.startswith("imagejobs_leader "))
        return ready.json()["note"], gauge.split()[1]

    first, second = addresses(), addresses()
    with (
        operator(tmp_path, {**environ, **first}),
        operator(tmp_path, {**environ, **second}, begins_with="waits for the Lease"),
    ):
        assert ask(first) == (f"leads as {holder(cluster)}", "1.0")
        eventually(
            lambda: ask(second) == (f"waits; {holder(cluster)} leads", "0.0"), seen=lambda: ask(second)
        )
