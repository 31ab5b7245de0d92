"""What a GitOps tool does with chart and overlay, on a real API server: render, apply, apply again."""

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from conftest import missing
from support.cluster import chart_render, releases
from support.cluster.chart_render import CHART, case, render
from support.cluster.client import ControlPlane
from support.cluster.control_plane import running_for_tests

MANIFESTS = CHART.parents[1] / "manifests"


@pytest.fixture(scope="module")
def controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start a control plane of its own: definition and policies of a chart are the whole cluster's."""
    with running_for_tests(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture(autouse=True)
def needs_helm() -> None:
    if chart_render.helm_missing():
        missing("helm")


def sync(plane: ControlPlane, objects) -> dict[str, str]:
    """Apply objects as Argo CD does with ServerSideApply; return their versions."""
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    plane.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=argocd-controller",
        "-f",
        "-",
        stdin=body,
    )
    return {
        releases.path_of(each): plane.request("GET", releases.path_of(each))[1]["metadata"]["resourceVersion"]
        for each in objects
    }


@pytest.mark.parametrize("name", ["minimal", "dev", "install"])
def test_a_second_sync_changes_nothing(name, controlplane, namespace):
    """Also after the secrets Job has filled the Secrets, which the tool knows as empty."""
    objects = [
        each
        for each in render(*case(name), "--set", "crds.install=false", namespace=namespace)
        if each["kind"] != "Job" and "helm.sh/hook" not in each["metadata"].get("annotations", {})
    ]
    sync(controlplane, objects)
    for each in objects:
        if each["kind"] == "Secret":
            filled = {"data": {"API_KEY": "aWprX3g="}}
            controlplane.request("PATCH", releases.path_of(each), filled, "application/merge-patch+json")
    before = {path: controlplane.request("GET", path)[1] for path in map(releases.path_of, objects)}
    after = sync(controlplane, objects)
    assert after == {path: each["metadata"]["resourceVersion"] for path, each in before.items()}


def test_the_overlay_is_applied_by_kubectl(controlplane):
    run = subprocess.run(
        [str(controlplane.programs / "kubectl"), "kustomize", str(MANIFESTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    objects = [each for each in yaml.safe_load_all(run.stdout) if each["kind"] != "CustomResourceDefinition"]
    controlplane.request("POST", "/api/v1/namespaces", {"metadata": {"name": "imagejobs-system"}})
    assert len(sync(controlplane, objects)) == len(objects)
    controlplane.request("DELETE", "/api/v1/namespaces/imagejobs-system")


def test_an_unchanged_imagejob_stays_as_it_is_under_server_side_apply(controlplane, namespace):
    job = yaml.safe_load((MANIFESTS / "samples" / "shop-variants.yaml").read_text())
    job["metadata"]["namespace"] = namespace
    sync(controlplane, [job])
    # As the operator does; until then a write stores the status that the CRD gives by default.
    status = {"status": {"observedGeneration": 1, "state": "Pending"}}
    path = f"{releases.path_of(job)}/status"
    assert controlplane.request("PATCH", path, status, "application/merge-patch+json")[0] == 200
    assert sync(controlplane, [job]) == sync(controlplane, [job])


def test_client_side_apply_of_an_unchanged_imagejob_changes_nothing_whatever_it_prints(
    controlplane, namespace
):
    """It says `configured`, because defaults are filled into the stored list of variants: docs/gitops.md."""
    file = MANIFESTS / "samples" / "shop-variants.yaml"
    job = yaml.safe_load(file.read_text())
    job["metadata"]["namespace"] = namespace
    path = releases.path_of(job)

    def apply() -> str:
        return controlplane.kubectl("apply", "-n", namespace, "-f", str(file)).split()[-1]

    assert apply() == "created"
    status = {"status": {"observedGeneration": 1, "state": "Pending"}}  # as the operator does
    controlplane.request("PATCH", f"{path}/status", status, "application/merge-patch+json")
    before = controlplane.request("GET", path)[1]
    assert apply() == "configured"
    assert controlplane.request("GET", path)[1] == before
