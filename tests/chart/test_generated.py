"""What is generated is up to date, and the CRD reaches the cluster as it was written."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from support.cluster import chart_render
from support.cluster.chart_render import case, of_kind, one

ROOT = Path(__file__).resolve().parents[2]


def load_tool():
    spec = importlib.util.spec_from_file_location("chart_tool", ROOT / "tools" / "chart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()


@pytest.mark.parametrize("path", TOOL.GENERATED)
def test_generated_files_are_up_to_date(path):
    assert not TOOL.stale(path), "run: python tools/chart.py"


def test_the_crd_stays_when_the_release_goes_and_is_else_as_written():
    rendered = one(
        chart_render.render(*case("minimal")), "CustomResourceDefinition", "imagejobs.imagejobs.dev"
    )
    written = yaml.safe_load((ROOT / "manifests" / "crd.yaml").read_text())
    assert rendered["spec"] == written["spec"]
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_a_second_release_can_leave_the_crd_to_the_first():
    assert (
        of_kind(
            chart_render.render(*case("minimal"), "--set", "crds.install=false"), "CustomResourceDefinition"
        )
        == []
    )


def test_the_operators_rules_are_those_that_its_own_tests_run_with():
    written = yaml.safe_load((ROOT / "manifests" / "rbac-operator.yaml").read_text())
    role = one(chart_render.render(*case("minimal")), "Role", "imagejobs-operator")
    assert role["rules"] == written["rules"]


def test_the_operators_rules_in_other_namespaces_are_those_that_its_own_tests_run_with():
    written = yaml.safe_load((ROOT / "manifests" / "rbac-operator-namespaces.yaml").read_text())
    objects = chart_render.render(*case("minimal"), "--set", "watch.namespaces={shop}")
    role = one(objects, "ClusterRole", "pictures-imagejobs-operator-namespaces")
    assert role["rules"] == written["rules"]


def test_the_rules_of_the_lease_are_those_that_its_own_tests_run_with_and_there_only_where_it_is_on():
    written = yaml.safe_load((ROOT / "manifests" / "rbac-operator-lease.yaml").read_text())
    off = chart_render.render(*case("minimal"))
    assert "coordination.k8s.io" not in str(off)
    on = chart_render.render(*case("minimal"), "--set", "operator.lease.enabled=true,operator.replicas=2")
    (role,) = [each for each in of_kind(on, "Role") if each["metadata"]["name"].endswith("operator-lease")]
    operator = one(on, "Deployment", role["metadata"]["name"].removesuffix("-lease"))
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each.get("value") for each in container["env"]}
    namespace, name = environ["LEADER_LEASE"].split("/")
    assert role["metadata"]["namespace"] == namespace
    for rule in written["rules"]:
        if "resourceNames" in rule:
            rule["resourceNames"] = [name]
    assert role["rules"] == written["rules"]
    assert (operator["spec"]["replicas"], operator["spec"]["strategy"]["type"]) == (2, "RollingUpdate")
    budget = one(on, "PodDisruptionBudget", name)["spec"]
    assert (budget["maxUnavailable"], budget["selector"]) == (1, operator["spec"]["selector"])


def test_the_install_file_holds_no_secret_and_nothing_that_only_helm_runs():
    objects = [each for each in yaml.safe_load_all((ROOT / "manifests" / "install.yaml").read_text()) if each]
    assert of_kind(objects, "Secret") == []
    assert [each for each in objects if "helm.sh/hook" in each["metadata"].get("annotations", {})] == []
