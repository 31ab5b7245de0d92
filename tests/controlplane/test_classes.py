"""Two operators over one namespace, on a real API server: a class says who runs a job."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from imagejobs_contract.runtime.settings import S3Settings
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import Cluster
from support.operator.process import Operator, operator, s3_environ

UNSEEN = {"observedGeneration": -1}
"""The status of a job that no operator has touched."""


@pytest.fixture
def cluster(controlplane: ControlPlane) -> Iterator[Cluster]:
    made = Cluster(controlplane, controlplane.new_namespace(), {})
    yield made
    controlplane.request("DELETE", f"/api/v1/namespaces/{made.namespace}")


@pytest.fixture
def operators(
    cluster: Cluster, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> Iterator[dict[str, Operator]]:
    """An operator of the class `shop`, and one without a class."""
    environ = {
        **s3_environ(s3_settings),
        "KUBECONFIG": str(cluster.operator_kubeconfig()),
        "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "1",
        "WORKER_IMAGE": "worker:test",
        "GRANTS": json.dumps({cluster.namespace: {"sources": ["in/"], "pods": 100}}),
    }
    host = redis_url.rpartition("/")[0]
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                operator(tmp_path, environ | {"REDIS_URL": f"{host}/{number}", "CLASS_NAME": name})
            )
            for name, number in (("shop", 11), ("", 12))
        }


def spec(**changes: Any) -> dict[str, Any]:
    return {"items": [{"name": "a.jpg", "key": "in/a.jpg"}], "execution": "Pool", **changes}


def wait_for_resyncs(cluster: Cluster) -> None:
    """Return once both operators have listed all jobs again: each has deleted a job that ended meanwhile."""
    for name, classes in (("plain", {}), ("shop", {"className": "shop"})):
        for n in range(2):
            job = f"{name}-{n}"
            cluster.create(job, spec(ttlSecondsAfterFinished=1, suspend=True, **classes))
            cluster.wait_for_state(job, "Suspended")
            cluster.change(job, cancel=True)
            eventually(lambda job=job: not cluster.get(job))


def test_each_job_is_run_by_the_operator_of_its_class_and_by_no_other(
    cluster: Cluster, operators: dict[str, Operator]
) -> None:
    cluster.create("of-shop", spec(className="shop"))
    cluster.create("of-none", spec())
    cluster.create("of-blog", spec(className="blog"))
    cluster.create("job-of-shop", spec(className="shop", execution="Job"))
    told = {name: cluster.wait_for_state(name, "Queued") for name in ("of-shop", "of-none", "job-of-shop")}
    accepted = {
        name: next(each["message"] for each in status["conditions"] if each["type"] == "Accepted")
        for name, status in told.items()
    }
    assert accepted == {
        "of-shop": "the spec is valid; the operator of class shop runs it",
        "job-of-shop": "the spec is valid; the operator of class shop runs it",
        "of-none": "the spec is valid",
    }
    assert len(cluster.jobs("job-of-shop")) == 1
    versions = {name: cluster.get(name)["metadata"]["resourceVersion"] for name in told}
    wait_for_resyncs(cluster)
    assert cluster.get("of-blog")["status"] == UNSEEN
    assert {name: cluster.get(name)["metadata"]["resourceVersion"] for name in told} == versions


def test_a_job_waits_untouched_for_the_operator_of_its_class(
    cluster: Cluster, operators: dict[str, Operator]
) -> None:
    operators["shop"].kill()
    cluster.create("waits", spec(className="shop"))
    cluster.create("done", spec(suspend=True))
    cluster.wait_for_state("done", "Suspended")
    assert cluster.get("waits")["status"] == UNSEEN
    columns = cluster.plane.kubectl("get", "ij", "waits", "-n", cluster.namespace, "-o", "wide")
    assert "shop" in columns
    environ = dict(
        line.split("=", 1)
        for line in Path(f"/proc/{operators[''].process.pid}/environ").read_text().split("\0")
        if "=" in line
    )
    with operator(operators["shop"].log.parent, environ | {"CLASS_NAME": "shop"}):
        cluster.wait_for_state("waits", "Queued")
