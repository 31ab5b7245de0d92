"""Runs the real helm against a control plane, and asks the server about the objects of a chart."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from support.cluster.chart_render import CHART, Object
from support.cluster.client import ControlPlane

ROOT = CHART.parents[1]
FOREIGN = {
    "ServiceMonitor": ("monitoring.coreos.com", "v1", "servicemonitors"),
    "PodMonitor": ("monitoring.coreos.com", "v1", "podmonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "v1", "prometheusrules"),
    "ScaledObject": ("keda.sh", "v1alpha1", "scaledobjects"),
    "HTTPRoute": ("gateway.networking.k8s.io", "v1", "httproutes"),
}
"""Kinds of others that the chart makes objects of: group, version, plural."""
_PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
APPLY = "application/apply-patch+yaml"


def helm(plane: ControlPlane, namespace: str, *arguments: str) -> str:
    """Run helm as the administrator and return what it prints.

    Raises:
        AssertionError: It failed; the text is its complaint.
    """
    command = ["helm", "--namespace", namespace, "--kubeconfig", str(plane.kubeconfig), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, f"helm {' '.join(arguments)}: {run.stderr or run.stdout}"
    return run.stdout


def define_foreign_kinds(plane: ControlPlane) -> None:
    """Define the kinds of others, any content allowed."""
    for kind, (group, version, plural) in FOREIGN.items():
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        spec = {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [served],
        }
        body = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{plural}.{group}",
                "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
            },
            "spec": spec,
        }
        plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(body))
        plane.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}")


def old_chart(commit: str, folder: Path) -> Path | None:
    """Return the chart as it was at a commit, or None where git does not have it."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, "charts/imagejobs"], capture_output=True, check=False
    )
    if packed.returncode:
        return None
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder / "charts" / "imagejobs"


def refusals(plane: ControlPlane, before: Iterable[Object], after: Iterable[Object]) -> Iterator[str]:
    """Yield what the server says against changing the objects of a release.

    Nothing is changed. Objects that stay as they are are not sent, nor those that an upgrade leaves alone:
    Helm's tests.
    """
    known = [json.dumps(each, sort_keys=True) for each in before]
    for each in after:
        is_hook = "helm.sh/hook" in each["metadata"].get("annotations", {})
        if not is_hook and json.dumps(each, sort_keys=True) not in known:
            path = f"{path_of(each)}?fieldManager=helm&force=true&dryRun=All"
            status, answer = plane.request("PATCH", path, each, APPLY)
            if status not in (200, 201):
                yield f"{each['kind']} {each['metadata']['name']}: {answer['message']}"


def path_of(body: Object) -> str:
    """Return the address of an object."""
    group, kind, metadata = body["apiVersion"], body["kind"], body["metadata"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    where = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{where}/{_PLURALS.get(kind, f'{kind.lower()}s')}/{metadata['name']}"
