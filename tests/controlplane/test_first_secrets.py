"""The chart's secrets Job on a real API server: with the rights that the chart gives it, by the real helm."""

import base64
import os
import subprocess
import sys

import pytest

from conftest import missing
from support.cluster import chart_render
from support.cluster.chart_render import CHART, case, environment, of_kind, one, render
from support.cluster.control_plane import running_for_tests
from support.cluster.releases import helm


@pytest.fixture(scope="module")
def controlplane(tmp_path_factory):
    """Start a control plane of its own: definition and policies of a chart are the whole cluster's."""
    with running_for_tests(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture(autouse=True)
def needs_helm():
    if chart_render.helm_missing():
        missing("helm")


def read(plane, namespace, name):
    _, answer = plane.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    return {field: base64.b64decode(value).decode() for field, value in (answer.get("data") or {}).items()}


def run_job(plane, namespace, objects):
    """Do what the Job's pod does, as its service account."""
    (job,) = (each for each in of_kind(objects, "Job") if "-secrets-" in each["metadata"]["name"])
    environ = environment(objects, job["spec"]["template"], {})
    account = job["spec"]["template"]["spec"]["serviceAccountName"]
    environ |= {"KUBECONFIG": str(plane.service_account(namespace, account)), "PATH": os.environ["PATH"]}
    command = [sys.executable, *job["spec"]["template"]["spec"]["containers"][0]["command"][1:]]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_secrets_are_filled_once_and_kept_by_upgrades_and_uninstalls(controlplane, namespace):
    other = controlplane.new_namespace()
    settings = (*case("dev"), "--set", f"crds.install=false,watch.namespaces={{{other}}}")
    objects = render(*settings, namespace=namespace)
    names = [each["metadata"]["name"] for each in of_kind(objects, "Secret")]

    def filled():
        return {name: read(controlplane, namespace, name) for name in names}

    helm(controlplane, namespace, "install", "imagejobs", str(CHART), *settings)
    assert set(map(len, filled().values())) == {0}
    run = run_job(controlplane, namespace, objects)
    assert (run.returncode, run.stderr) == (0, "")
    first = filled()
    assert all(first.values())
    assert read(controlplane, other, "imagejobs-dev")["REDIS_URL"] == first["imagejobs-dev"]["REDIS_URL"]
    assert "VALKEY_PASSWORD" not in read(controlplane, other, "imagejobs-dev")

    helm(controlplane, namespace, "upgrade", "imagejobs", str(CHART), *settings, "--set", "logLevel=DEBUG")
    assert run_job(controlplane, namespace, objects).returncode == 0
    assert filled() == first

    helm(controlplane, namespace, "uninstall", "imagejobs")
    helm(controlplane, namespace, "install", "imagejobs", str(CHART), *settings)
    for name in ("key", "callers", "watch"):
        assert read(controlplane, namespace, f"imagejobs-{name}") == first[f"imagejobs-{name}"]

    controlplane.kubectl("delete", "secret", "imagejobs-key", "-n", namespace)
    helm(controlplane, namespace, "upgrade", "imagejobs", str(CHART), *settings)
    assert run_job(controlplane, namespace, objects).returncode == 0
    assert filled()["imagejobs-key"] != first["imagejobs-key"]
    assert filled()["imagejobs-callers"] != first["imagejobs-callers"]
    assert filled()["imagejobs-watch"] == first["imagejobs-watch"]


def test_each_upgrade_fills_again(controlplane, namespace):
    settings = (*case("dev"), "--set", "crds.install=false")

    def jobs():
        _, answer = controlplane.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs")
        present = [each for each in answer["items"] if "deletionTimestamp" not in each["metadata"]]
        return [each["metadata"]["name"] for each in present if "-secrets-" in each["metadata"]["name"]]

    helm(controlplane, namespace, "install", "imagejobs", str(CHART), *settings)
    (before,) = jobs()
    helm(controlplane, namespace, "upgrade", "imagejobs", str(CHART), *settings)
    (after,) = jobs()
    assert before != after


def test_the_job_says_what_it_may_not(controlplane, namespace):
    objects = render(*case("dev"), namespace=namespace)
    run = run_job(controlplane, namespace, objects)  # nothing was installed
    assert run.returncode == 1
    assert "forbidden" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert one(objects, "Role", "imagejobs-secrets")
