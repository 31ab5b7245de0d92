"""What the operator tells people on a real API server: one event for each thing, and `kubectl describe`."""

import json
import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.outcome import Outcome
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import Cluster, photo
from support.operator.process import good, odd_fail, operator, s3_environ, worker_thread
from support.servers import data_servers

DOCS = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
DATABASE = 3
"""Of Redis: no worker of another test counts as alive there."""


@pytest.fixture
def cluster(
    controlplane: ControlPlane, seaweed_server: data_servers.Server, bucket_maker: Any, redis: str
) -> Cluster:
    """A namespace of its own, and a bucket with photos."""
    bucket = f"test-events-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    for n in range(3):
        bucket_maker.put_object(Bucket=bucket, Key=f"in/{n}.jpg", Body=photo())
    s3 = data_servers.bucket_settings(seaweed_server, bucket)
    return Cluster(controlplane, controlplane.new_namespace(), {**s3_environ(s3), "REDIS_URL": redis})


@pytest.fixture
def redis(valkey_server: data_servers.Server) -> str:
    """The URL of an empty database."""
    return f"{valkey_server.url('redis', 'redis')}/{DATABASE}"


@pytest.fixture
def environ(cluster: Cluster) -> dict[str, str]:
    """The operator's variables."""
    given = {"sources": ["in/"], "pods": 100}
    return {
        **cluster.environ, "KUBECONFIG": str(cluster.operator_kubeconfig()), "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "1", "WORKER_IMAGE": "worker:test", "WORKER_ENV_SECRET": "s3",
        "WORKER_ENV_CONFIG_MAP": "settings", "GRANTS": json.dumps({cluster.namespace: given}),
    }  # fmt: skip


def spec(count: int, **changes: Any) -> dict[str, Any]:
    items = [{"name": f"{n}.jpg", "key": f"in/{n}.jpg"} for n in range(count)]
    return {"items": items, "variants": [{"width": 32}], "execution": "Pool", **changes}


def told(cluster: Cluster) -> list[tuple[str, str]]:
    """Return job and reason of each event of the namespace's ImageJobs."""
    events = cluster.call("GET", f"/apis/events.k8s.io/v1/namespaces/{cluster.namespace}/events")["items"]
    return sorted(
        (each["regarding"]["name"], each["reason"])
        for each in events
        if each["regarding"]["kind"] == "ImageJob"
    )


def test_that_there_is_no_worker_is_one_event_and_one_metric(
    cluster: Cluster, environ: dict[str, str], redis: str, tmp_path: Path
) -> None:
    names, port = [f"job-{number}" for number in range(5)], data_servers.free_ports(["metrics"])["metrics"]

    def stalled() -> list[str]:
        return [
            name
            for name in names
            for each in cluster.get(name).get("status", {}).get("conditions", [])
            if (each["type"], each["status"], each["reason"]) == ("Stalled", "True", "NoWorker")
        ]

    def without_worker() -> float:
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
        return float(re.findall(r"^imagejobs_jobs_without_worker (\S+)", text, re.MULTILINE)[0])

    with operator(tmp_path, {**environ, "METRICS_LISTEN": f"127.0.0.1:{port}"}):
        for name in names:
            cluster.create(name, spec(1))
        eventually(lambda: without_worker() == 5, 60)
        (speaker,) = eventually(stalled, 90)
        eventually(lambda: told(cluster) == [(speaker, "NoWorker")], seen=lambda: told(cluster))
        with worker_thread(redis, good):
            for name in names:
                cluster.wait_for_state(name, "Succeeded")
            eventually(lambda: without_worker() == 0)
        ends = [(name, "Succeeded") for name in names]
        eventually(
            lambda: told(cluster) == sorted([(speaker, "NoWorker"), *ends]), seen=lambda: told(cluster)
        )
    assert stalled() == []


def test_each_thing_is_told_once_by_two_operators_that_restart(
    cluster: Cluster, environ: dict[str, str], redis: str, tmp_path: Path
) -> None:
    with operator(tmp_path, environ) as first, operator(tmp_path, environ):
        cluster.create("held", spec(2, suspend=True))
        cluster.wait_for_state("held", "Suspended")
        first.kill()
        with operator(tmp_path, environ), worker_thread(redis, odd_fail):
            cluster.change("held", suspend=False)
            cluster.wait_for_state("held", "PartiallySucceeded")
            cluster.change("held", retryFailed=1)
            cluster.wait_for_state("held", "Succeeded")
            reasons = ["PartiallySucceeded", "Resumed", "Retried", "Succeeded", "Suspended"]
            eventually(
                lambda: told(cluster) == [("held", each) for each in reasons], seen=lambda: told(cluster)
            )


def broken_seconds(index: int, attempt: int) -> Outcome:
    """Let the images with odd numbers fail."""
    code, message = (Code.CORRUPT_IMAGE, "the file is cut short") if index % 2 else (None, "")
    return Outcome(index, f"{index}.jpg", attempt, code, message)


def all_broken(index: int, attempt: int) -> Outcome:
    """Let all images fail."""
    return replace(broken_seconds(1, attempt), index=index, name=f"{index}.jpg")


def described(cluster: Cluster, name: str) -> str:
    """Return what `kubectl describe` says of a job, cut to what tells its state, without times."""
    text = cluster.plane.kubectl("describe", "-n", cluster.namespace, "ij", name)
    status, _, events = text.partition("\nStatus:")[2].partition("\nEvents:")
    steady = re.sub(r"\n    (Last Transition Time|Observed Generation):.*", "", status)
    conditions = re.findall(r"\n    Message:.*\n    Reason:.*\n    Status:.*\n    Type: .*", steady)
    telling = [each for each in conditions if re.search(r"(Finished|Stalled)$", each)]
    parts = re.findall(r"\n  (?:Failure Codes|Failures|Items):(?:\n    .*)*|\n  State: .*", steady)
    ages = re.sub(r"(?m)^(  \w+ +\w+ +)\w+( +imagejobs)", r"\g<1>9s\g<2>", events)
    lines = ["Status:", "  Conditions:", *telling, *parts, "Events:" + ages.rstrip()]
    return "\n".join(re.sub(r":  +", ": ", line.lstrip("\n")) for line in lines)


def test_the_docs_show_what_kubectl_describe_says(
    cluster: Cluster, environ: dict[str, str], redis: str, tmp_path: Path
) -> None:
    with operator(tmp_path, environ):
        with worker_thread(redis, broken_seconds):
            cluster.create("partial", spec(2))
            cluster.wait_for_state("partial", "PartiallySucceeded")
        with worker_thread(redis, all_broken):
            cluster.create("failed", spec(1))
            cluster.wait_for_state("failed", "Failed")
        cluster.create("cancelled", spec(1))
        cluster.wait_for_state("cancelled", "Queued")
        cluster.change("cancelled", cancel=True)
        cluster.wait_for_state("cancelled", "Cancelled")
        cluster.create("queued", spec(1))
        cluster.wait_for_state("queued", "Queued")
        jobs = ("failed", "partial", "queued", "cancelled")
        ended = {"failed", "partial", "cancelled"}
        eventually(lambda: {name for name, _ in told(cluster)} >= ended, seen=lambda: told(cluster))
        seen = {name: described(cluster, name) for name in jobs}
    missing = {name: text for name, text in seen.items() if f"```text\n{text}\n```" not in DOCS.read_text()}
    assert not missing, "\n\n".join(missing.values())
