"""kubeconform checks all objects of the chart and all manifests by the schemas of a real API server.

It refuses fields that the schemas do not name.
"""

import shutil
import subprocess

import pytest
import yaml

from conftest import missing
from support.cluster import chart_render, kube_schemas
from support.cluster.chart_render import CHART, case

MANIFESTS = CHART.parents[1] / "manifests"
FOREIGN = "ScaledObject,ServiceMonitor,PrometheusRule,HTTPRoute,Kustomization"
"""Kinds of KEDA and of the Prometheus operator: their definitions are other projects', and no server without
them knows their schemas.
"""


@pytest.fixture(scope="module")
def location(controlplane, tmp_path_factory):
    if shutil.which("kubeconform") is None:
        missing("kubeconform")
    if chart_render.helm_missing():
        missing("helm")
    return kube_schemas.write(controlplane, tmp_path_factory.mktemp("schemas"))


def kubeconform(location, objects):
    command = ["kubeconform", "-strict", "-summary", "-schema-location", location, "-skip", FOREIGN, "-"]
    return subprocess.run(command, input=objects, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", chart_render.CASES)
def test_the_chart_makes_objects_as_the_server_describes_them(location, name):
    run = kubeconform(location, chart_render.helm("template", "imagejobs", str(CHART), *case(name)).stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Valid: 0" not in run.stdout


@pytest.mark.parametrize(
    "path",
    [*sorted(MANIFESTS.glob("*.yaml")), *sorted((MANIFESTS / "samples").glob("*.yaml"))],
    ids=lambda path: path.name,
)
def test_a_manifest_is_as_the_server_describes_it(location, path):
    run = kubeconform(location, path.read_text())
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_misspelled_field_is_found_however_deep_it_lies(location):
    deployment = chart_render.one(chart_render.render(*case("minimal")), "Deployment", "imagejobs-api")
    misspelled = yaml.safe_load(yaml.safe_dump(deployment))
    misspelled["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    run = kubeconform(location, yaml.safe_dump(misspelled))
    assert run.returncode != 0
    assert "livenessprobe" in run.stdout
