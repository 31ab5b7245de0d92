"""Every value may be changed on a running release: asked of a real API server, by the real helm."""

import base64
import copy
import json

import pytest
import yaml

from conftest import missing
from support.cluster import chart_render, releases
from support.cluster.chart_render import CHART, case, render
from support.cluster.control_plane import running_for_tests
from support.cluster.releases import helm

LAST_RELEASED = "f0c9da7"
"""The commit of the last chart that people have installed."""

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
BASE = CHART / "ci" / "everything-values.yaml"
EVERYTHING = yaml.safe_load(BASE.read_text())
CLASS = {"operator": {"className": "minimal"}}
"""Of its own: a release of all namespaces, of which this module has some, refuses another of its class."""
TRY_OUT = CLASS | {"dev": EVERYTHING["dev"] | {"enabled": True}, "crds": {"install": False}}
MINIMAL = CLASS | {
    "s3": {"bucket": "pictures", "existingSecret": "s"},
    "redis": {"existingSecret": "r"},
    "crds": {"install": False},
}
OTHERS = {
    "api.allowAnonymous": {"api.allowAnonymous": True, "api.callers.existingSecret": ""},
    "api.ingress.enabled": {"api.ingress.enabled": False},
    "api.ingress.host": {"api.ingress.host": "pictures.example.com"},
    "api.disruptionBudget.enabled": {"api.disruptionBudget.enabled": False},
    "api.httpRoute.enabled": {"api.httpRoute.enabled": False},
    "api.httpRoute.parentRefs": {"api.httpRoute.parentRefs": [{"name": "other"}]},
    "bucket.setUp": {"bucket.setUp": False},
    "crds.install": {"crds.install": False},
    # A port that is fixed belongs to the Service of the old name until that is gone: docs/upgrade.md.
    "fullnameOverride": {"fullnameOverride": "", "api.service.nodePort": None},
    "jobs.enabled": {"jobs.enabled": False},
    "limits": {"limits": {}},
    "metrics.dashboard.labels": {"metrics.dashboard.labels": {"a": "b"}},
    "metrics.enabled": {
        "metrics.enabled": False,
        "metrics.serviceMonitor.enabled": False,
        "metrics.prometheusRule.enabled": False,
    },
    "networkPolicy.enabled": {"networkPolicy.enabled": False},
    "networkPolicy.internet": {"networkPolicy.internet": False},
    "pool.autoscaling.enabled": {"pool.autoscaling.enabled": True, "pool.keda.enabled": False},
    "operator.lease.enabled": {"operator.lease.enabled": False, "operator.replicas": 1},
    "operator.serviceAccount.name": {"operator.serviceAccount.name": "mine"},
    "pool.disruptionBudget.enabled": {"pool.disruptionBudget.enabled": False},
    "pool.enabled": {"pool.enabled": False},
    "pool.keda.address": {"pool.keda.address": "redis:6379"},
    "rbac.aggregate": {"rbac.aggregate": False},
    "rbac.create": {"rbac.create": False},
    "s3.bucket": {"s3.bucket": "other"},
    "worker.serviceAccount.name": {"worker.serviceAccount.name": "mine"},
}
"""Values whose default is no change, or no release."""


def leaves(node, path=""):
    for name, child in node["properties"].items():
        if "properties" in child and name != "limits":
            yield from leaves(child, f"{path}{name}.")
        elif name != "global":
            yield f"{path}{name}"


def at(values, path):
    for name in path.split("."):
        values = values[name]
    return values


def changed(values, path):
    """Return the values with another one at a path: its default, or what OTHERS says."""
    values = copy.deepcopy(values)
    for where, value in OTHERS.get(path, {path: None}).items():
        *parents, name = where.split(".")
        node = at(values, ".".join(parents)) if parents else values
        node[name] = value if path in OTHERS else at(DEFAULTS, path)
    return values


VALUES = sorted(leaves(SCHEMA))
OF_RELEASE = [path for path in VALUES if not path.startswith("dev.")]
OF_TRY_OUT = [path for path in VALUES if path.startswith("dev.") and path != "dev.enabled"]


@pytest.fixture(scope="module")
def controlplane(tmp_path_factory):
    """Start a control plane of its own: definition and policies of a chart are the whole cluster's."""
    with running_for_tests(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture(scope="module", autouse=True)
def prepared(controlplane):
    """Define what the chart makes objects of, and the namespaces that the values name."""
    if chart_render.helm_missing():
        missing("helm")
    releases.define_foreign_kinds(controlplane)
    priority = {"metadata": {"name": "high"}, "value": 1}
    controlplane.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", priority)
    for name in ("shop", "blog"):
        controlplane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


@pytest.fixture(scope="module")
def install(controlplane, tmp_path_factory):
    """Install a chart into a namespace of its own; return how to speak of the release."""
    folder = tmp_path_factory.mktemp("values")

    def make(values, chart=CHART, *arguments):
        namespace = controlplane.new_namespace()
        file = folder / f"{namespace}.yaml"
        file.write_text(yaml.safe_dump(values))
        helm(controlplane, namespace, "install", "imagejobs", str(chart), "--values", str(file), *arguments)
        return namespace

    return make


@pytest.fixture(scope="module")
def everything(install):
    # The CRD is there already, applied by kubectl.
    return install(EVERYTHING, CHART, "--take-ownership", "--force-conflicts")


@pytest.fixture(scope="module")
def try_out(install, tmp_path_factory):
    file = tmp_path_factory.mktemp("try-out") / "before"
    file.write_text(yaml.safe_dump(TRY_OUT))
    return install(TRY_OUT), TRY_OUT, file


def refused(plane, namespace, values, base, path, file):
    assert changed(values, path) != values, f"{path} is not changed"
    file.write_text(yaml.safe_dump(changed(values, path)))
    before, after = (render("--values", str(each), namespace=namespace) for each in (base, file))
    return list(releases.refusals(plane, before, after))


@pytest.mark.parametrize("path", OF_RELEASE)
def test_a_value_may_be_changed_on_a_running_release(path, controlplane, everything, tmp_path):
    assert refused(controlplane, everything, EVERYTHING, BASE, path, tmp_path / "after") == []


@pytest.mark.parametrize("path", OF_TRY_OUT)
def test_a_value_of_the_try_out_may_be_changed(path, controlplane, try_out, tmp_path):
    assert refused(controlplane, *try_out, path, tmp_path / "after") == []


def test_the_server_would_refuse_what_cannot_be_changed(controlplane, everything):
    """Or the two tests above prove nothing."""
    (before,) = (each for each in render(*case("everything"), namespace=everything) if each["kind"] == "Job")
    after = copy.deepcopy(before)
    after["spec"]["template"]["metadata"]["labels"]["team"] = "blog"
    (told,) = releases.refusals(controlplane, [before], [after])
    assert "field is immutable" in told


@pytest.fixture(scope="module")
def minimal(install):
    return install(MINIMAL)


def upgrade(plane, namespace, *arguments):
    return helm(plane, namespace, "upgrade", "imagejobs", str(CHART), "--reuse-values", *arguments)


@pytest.mark.parametrize(
    "setting",
    [
        "commonLabels.team=a",
        "image.pullPolicy=Always",
        "s3.existingSecret=s2",
        "api.serviceAccount.name=cloud",
        "image.pullSecrets={regcred}",
        "telemetry.existingSecret=otel",
        "pool.strategy.type=Recreate",
        "pool.strategy.type=RollingUpdate",
        "nameOverride=pictures",
    ],
)
def test_helm_upgrades_and_leaves_one_set_up_of_the_bucket(setting, controlplane, minimal):
    upgrade(controlplane, minimal, "--set", setting)
    _, jobs = controlplane.request("GET", f"/apis/batch/v1/namespaces/{minimal}/jobs")
    running = [each for each in jobs["items"] if "deletionTimestamp" not in each["metadata"]]
    bucket = [each for each in running if "-bucket-" in each["metadata"]["name"]]
    assert [each["spec"]["ttlSecondsAfterFinished"] for each in bucket] == [86400]


def test_replicas_stay_when_a_scaler_comes_and_while_it_scales(controlplane, install):
    namespace = install(MINIMAL | {"pool": {"replicas": 7}, "api": {"replicas": 5}})
    scaled = ("--set", "pool.autoscaling.enabled=true,api.autoscaling.enabled=true")

    def replicas():
        deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments/imagejobs-"
        return [
            controlplane.request("GET", deployments + name)[1]["spec"]["replicas"] for name in ("pool", "api")
        ]

    upgrade(controlplane, namespace, *scaled)
    assert replicas() == [7, 5]
    upgrade(controlplane, namespace)
    assert replicas() == [7, 5]
    controlplane.kubectl("scale", "deployment", "imagejobs-pool", "-n", namespace, "--replicas=9")
    upgrade(controlplane, namespace)
    assert replicas() == [9, 5]
    upgrade(controlplane, namespace, "--set", "commonLabels.team=a")
    assert replicas() == [9, 5]


@pytest.mark.parametrize(("name", "release"), [("minimal", "imagejobs"), ("everything", "shop-images")])
def test_the_server_takes_what_every_pod_of_a_job_gets(name, release, controlplane):
    """No pod of a Job is in a release; the operator makes them later."""
    operator = chart_render.one(render(*case(name)), "Deployment", f"{release}-operator")
    container = operator["spec"]["template"]["spec"]["containers"][0]
    (shape,) = (json.loads(each["value"]) for each in container["env"] if each["name"] == "WORKER_POD")
    taken = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints")
    spec = {field: shape[field] for field in taken if field in shape}
    pod = {
        "metadata": {"name": "a", "labels": {**shape["labels"], "imagejobs.dev/imagejob": "a"}},
        "spec": spec | {"containers": [{"name": "a", "image": "a"}]},
    }
    path = f"/api/v1/namespaces/{controlplane.new_namespace()}/pods?dryRun=All"
    status, answer = controlplane.request("POST", path, pod)
    assert status == 201, answer["message"]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Unpack the last released chart."""
    chart = releases.old_chart(LAST_RELEASED, tmp_path_factory.mktemp("released"))
    if chart is None:
        pytest.skip("this clone has no history: the last released chart is in it")
    return chart


@pytest.mark.parametrize("reuse", ["--reuse-values", "--reset-then-reuse-values"])
@pytest.mark.parametrize("name", ["minimal", "dev", "everything"])
def test_the_last_released_chart_is_upgraded_with_its_stored_values(
    name, reuse, released, install, controlplane
):
    values = yaml.safe_load((released / "ci" / f"{name}-values.yaml").read_text())
    # Overrides of the name were part of the selectors then: docs/upgrade.md.
    values |= {"crds": {"install": False}, "nameOverride": "", "fullnameOverride": ""}
    values.setdefault("watch", {})["namespaces"] = []  # those are another release's here, as is the port
    values.setdefault("api", {}).setdefault("service", {})["nodePort"] = None
    namespace = install(values, released)
    keys = f"/api/v1/namespaces/{namespace}/secrets/imagejobs-key"
    _, before = controlplane.request("GET", keys)
    helm(controlplane, namespace, "upgrade", "imagejobs", str(CHART), reuse)
    _, after = controlplane.request("GET", keys)
    assert before.get("data") == after.get("data")
    if name == "dev":
        assert base64.b64decode(after["data"]["API_KEY"]).startswith(b"ijk_")


def test_another_release_takes_over_what_an_uninstalled_one_has_left(controlplane, install):
    values = MINIMAL | {"crds": {"install": True}}
    first = install(values, CHART, "--take-ownership", "--force-conflicts")
    helm(controlplane, first, "uninstall", "imagejobs")
    with pytest.raises(AssertionError, match="cannot be imported"):
        install(values)
    second = install(values, CHART, "--take-ownership")
    upgrade(controlplane, second)
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imagejobs.imagejobs.dev"
    owner = controlplane.request("GET", crd)[1]["metadata"]["annotations"]["meta.helm.sh/release-namespace"]
    assert owner == second


WATCHED = {"watch": {"namespaces": ["shop"]}, "nameOverride": "pictures-of-two"}


def test_two_releases_of_one_class_are_not_installed_over_a_namespace(controlplane, install):
    """One that stays; its class is its own, so that no other test meets it."""
    first = install(MINIMAL | WATCHED | {"operator": {"className": "two"}})
    with pytest.raises(AssertionError) as refused:
        install(MINIMAL | WATCHED | {"operator": {"className": "two"}, "fullnameOverride": "second"})
    why = f"operator.className: {first}/imagejobs runs the ImageJobs of shop already"
    assert why in str(refused.value)
    with pytest.raises(AssertionError, match=f"{first}/imagejobs runs the ImageJobs of {first} already"):
        install(MINIMAL | {"operator": {"className": "two"}, "watch": {"allNamespaces": True}})
    # Two of one name would meet in `shop` by the names of their objects.
    install(MINIMAL | WATCHED | {"operator": {"className": "three"}, "fullnameOverride": "three"})
    upgrade(controlplane, first)  # a running release meets no such question, itself neither
    helm(controlplane, first, "uninstall", "imagejobs")
    install(MINIMAL | WATCHED | {"operator": {"className": "two"}})


def test_no_release_is_installed_under_one_of_all_namespaces_of_its_class(controlplane, install):
    everywhere = install(MINIMAL | {"operator": {"className": "four"}, "watch": {"allNamespaces": True}})
    with pytest.raises(AssertionError, match=f"{everywhere}/imagejobs runs the ImageJobs of all namespaces"):
        install(MINIMAL | {"operator": {"className": "four"}})
    install(MINIMAL | {"operator": {"className": "five"}})
