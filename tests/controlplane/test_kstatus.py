"""What Helm 4, and Flux with the same library, conclude from an ImageJob (kstatus): by the real helm."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from conftest import missing
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Reason, State, Status
from imagejobs_contract.model.status_json import status_body
from imagejobs_operator.decide import conditions
from imagejobs_operator.decide.observed import Observed, Results
from imagejobs_operator.decide.plan_input import PlanInput, Policy
from support.cluster import chart_render
from support.cluster.client import ControlPlane

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATE = """\
apiVersion: imagejobs.dev/v1alpha1
kind: ImageJob
metadata: {name: nightly}
spec:
  items: [{key: a.jpg}]
  ttlSecondsAfterFinished: {{ .Values.ttl }}
"""


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a chart of one ImageJob, as somebody keeps it in git."""
    if chart_render.helm_missing():
        missing("helm")
    folder = tmp_path_factory.mktemp("nightly")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "nightly", "version": "0.1.0"})
    )
    (folder / "values.yaml").write_text("ttl: 60\n")
    (folder / "templates" / "job.yaml").write_text(TEMPLATE)
    return folder


def wait(plane: ControlPlane, namespace: str, chart: Path, ttl: int, timeout: str) -> str:
    """Install or upgrade, and let helm wait; return its complaint."""
    command = [
        "helm",
        "--kubeconfig",
        str(plane.kubeconfig),
        "--namespace",
        namespace,
        "upgrade",
        "--install",
    ]
    command += ["nightly", str(chart), "--wait", "--timeout", timeout, "--set", f"ttl={ttl}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stderr


def write(
    plane: ControlPlane, namespace: str, *, behind: int = 0, end: tuple[State, Reason, Counts] | None
) -> None:
    """Write the status that the operator would."""
    path = f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs/nightly"
    job = ImageJob.from_body(plane.request("GET", path)[1])
    job = replace(job, generation=job.generation - behind)
    status = Status(attempt=1, counts=Counts(1), queued=NOW)
    given = PlanInput(job, status, Observed(), NOW, Policy(since=NOW))
    status = (
        conditions.finished_status(given, end[:2], Results(end[2]))
        if end
        else conditions.running_status(given)
    )
    answer = plane.request(
        "PATCH", f"{path}/status", {"status": status_body(status)}, "application/merge-patch+json"
    )
    assert answer[0] == 200, json.dumps(answer[1])


def test_helm_waits_for_a_job_until_it_has_succeeded(controlplane, namespace, chart):
    assert "InProgress" in wait(controlplane, namespace, chart, 60, "2s")  # no operator has seen it
    write(controlplane, namespace, end=None)
    assert "InProgress" in wait(controlplane, namespace, chart, 60, "2s")
    write(controlplane, namespace, end=(State.SUCCEEDED, Reason.SUCCEEDED, Counts(1, 0, 1, 0)))
    assert wait(controlplane, namespace, chart, 60, "60s") == ""


def test_helm_waits_until_the_newest_spec_was_seen(controlplane, namespace, chart):
    wait(controlplane, namespace, chart, 60, "1s")
    write(controlplane, namespace, behind=1, end=(State.SUCCEEDED, Reason.SUCCEEDED, Counts(1, 0, 1, 0)))
    assert "InProgress" in wait(controlplane, namespace, chart, 60, "2s")


def test_helm_says_that_a_job_failed(controlplane, namespace, chart):
    wait(controlplane, namespace, chart, 60, "1s")
    write(controlplane, namespace, end=(State.FAILED, Reason.ALL_FAILED, Counts(1, 0, 0, 1)))
    told = wait(controlplane, namespace, chart, 60, "60s")
    assert "Failed" in told
    assert "0 of 1 images succeeded, 1 failed" in told
