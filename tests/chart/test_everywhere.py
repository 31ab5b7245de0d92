"""What the chart gives every pod, and every installation, whatever values it was given before."""

import re

import pytest
import yaml

from imagejobs_contract.reader import Reader
from imagejobs_operator.jobs import pod_profiles
from support.cluster.chart_render import CHART, case, of_kind, one, pods, render

SYSTEM_MILLICPU = 850
"""What the pods of Kubernetes itself request on the one node of a fresh kind or minikube."""
NODE_MILLICPU = 2000
POD = {
    "labels": {"team": "shop", "app.kubernetes.io/component": "mine"},
    "annotations": {"example.com/note": "hello"},
    "nodeSelector": {"pool": "images"},
    "tolerations": [{"key": "images", "operator": "Exists"}],
    "priorityClassName": "high",
}
PODS = ("api", "operator", "pool", "bucket", "secrets", "test", "dev")


def millicpu(quantity):
    text = str(quantity)
    return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)


def requested(pod):
    return sum(millicpu(each["resources"]["requests"]["cpu"]) for each in pod["spec"]["containers"])


def test_the_try_out_and_a_job_fit_on_a_node_of_two_cpus():
    objects = render(*case("dev"))
    deployments = of_kind(objects, "Deployment")
    running = sum(each["spec"]["replicas"] * requested(each["spec"]["template"]) for each in deployments)
    profiles = yaml.safe_load((CHART / "values.yaml").read_text())["jobs"]["profiles"]
    job = millicpu(profiles["Small"]["requests"]["cpu"])  # the default of an ImageJob
    assert SYSTEM_MILLICPU + running + job <= NODE_MILLICPU


def test_a_rollout_of_the_pool_needs_room_for_no_further_pod():
    strategy = one(render(*case("minimal")), "Deployment", "imagejobs-pool")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "25%"}


@pytest.mark.parametrize(("replicas", "unavailable"), [(1, 0), (2, 1)])
def test_a_rollout_of_the_api_waits_for_room_only_if_there_is_one_pod(replicas, unavailable):
    objects = render(*case("minimal"), "--set", f"api.replicas={replicas}")
    strategy = one(objects, "Deployment", "imagejobs-api")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": unavailable}


def test_every_pod_takes_scheduling_labels_and_annotations(tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({name: {"pod": POD} for name in PODS}))
    for name, pod in pods(render(*case("dev"), "--values", str(file))):
        for field in ("nodeSelector", "priorityClassName"):
            assert pod["spec"][field] == POD[field], name
        assert POD["tolerations"][0] in pod["spec"]["tolerations"], name
        assert pod["metadata"]["labels"]["team"] == "shop", name
        assert pod["metadata"]["labels"]["app.kubernetes.io/component"] != "mine", name
        assert pod["metadata"]["annotations"]["example.com/note"] == "hello", name


EXTRAS = {
    "volumes": [{"name": "more", "configMap": {"name": "{{ .Release.Name }}-more"}}],
    "volumeMounts": [{"name": "more", "mountPath": "/more"}],
    "initContainers": [{"name": "before", "image": "a:1"}],
    "extraContainers": [{"name": "beside", "image": "b:1"}],
    "envFrom": [{"configMapRef": {"name": "proxies"}}],
    "env": [{"name": "TZ", "value": "UTC"}],
    "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["s3.example.com"]}],
    "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
    "dnsPolicy": "ClusterFirst",
}


@pytest.mark.parametrize("case_name", ["minimal", "dev"])
def test_every_pod_takes_volumes_containers_and_hosts(case_name, tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({name: {"pod": EXTRAS} for name in PODS}))
    for name, pod in pods(render(*case(case_name), "--values", str(file))):
        spec, main = pod["spec"], pod["spec"]["containers"][0]
        for field in ("initContainers", "hostAliases", "dnsConfig", "dnsPolicy"):
            assert spec[field] == EXTRAS[field], (name, field)
        assert spec["containers"][1:] == EXTRAS["extraContainers"], name
        assert {"name": "more", "configMap": {"name": "imagejobs-more"}} in spec["volumes"], name
        for field in ("volumeMounts", "envFrom", "env"):
            assert EXTRAS[field][0] in main[field], (name, field)


def test_pods_of_jobs_take_volumes_and_hosts_as_the_operator_reads_them():
    objects = render(*case("everything"))
    (container,) = one(objects, "Deployment", "shop-images-operator")["spec"]["template"]["spec"][
        "containers"
    ]
    (text,) = (each["value"] for each in container["env"] if each["name"] == "WORKER_POD")
    reader = Reader({"WORKER_POD": text})
    found = pod_profiles.read_pod_defaults(reader)
    assert reader.faults == []
    assert found.volumes == ({"name": "more", "configMap": {"name": "imagejobs-ca"}},)
    assert found.volume_mounts == ({"name": "more", "mountPath": "/etc/ca", "readOnly": True},)
    assert found.env_from == ({"configMapRef": {"name": "proxies", "optional": True}},)
    assert found.scheduling["hostAliases"] == [{"ip": "10.1.2.3", "hostnames": ["s3.example.com"]}]


def test_objects_of_ones_own_go_with_the_release(tmp_path):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-b\n"
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"extraObjects": [own, text]}))
    objects = render(*case("minimal"), "--values", str(file))
    assert one(objects, "ConfigMap", "imagejobs-a")
    assert one(objects, "ConfigMap", "imagejobs-b")


def test_a_route_of_a_gateway_leads_to_the_api_which_answers_to_its_hosts():
    objects = render(*case("everything"))
    spec = one(objects, "HTTPRoute", "shop-images-api")["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    service = one(objects, "Service", "shop-images-api")
    assert spec["rules"][0]["backendRefs"] == [
        {"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}
    ]
    route = "api.httpRoute.enabled=true,api.httpRoute.hostnames={a.example.net}"
    objects = render(*case("minimal"), "--set", route, "--set", "api.httpRoute.parentRefs[0].name=public")
    hosts = one(objects, "Deployment", "imagejobs-api")["spec"]["template"]["spec"]["containers"][0]["env"]
    (allowed,) = (each["value"] for each in hosts if each["name"] == "ALLOWED_HOSTS")
    assert "a.example.net" in allowed.split(",")


@pytest.mark.parametrize(
    ("url", "ports"),
    [("", [6379]), ("redis://cache.shop.svc", [6379]), ("rediss://cache.example.com:6390/2", [6390])],
)
def test_the_port_of_redis_is_opened(url, ports):
    objects = render(*case("minimal"), "--set", f"redis.url={url}")
    for name in ("api", "operator", "jobs", "pool", "bucket"):
        rules = one(objects, "NetworkPolicy", f"imagejobs-{name}")["spec"]["egress"]
        assert ports in [[each["port"] for each in rule["ports"]] for rule in rules], name


def test_every_pod_can_be_limited_in_cpu():
    """A quota on limits.cpu refuses pods without one."""
    limited = ("api.resources", "operator.resources", "pool.resources", "bucket.resources",
        "secrets.resources", "test.resources",
               "dev.s3.resources", "dev.valkey.resources")  # fmt: skip
    objects = render(*case("dev"), "--set", ",".join(f"{path}.limits.cpu=1" for path in limited))
    for name, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            assert container["resources"]["limits"]["cpu"] == 1, name


def test_every_template_gives_missing_values_their_defaults_first():
    late = [
        path.name
        for path in (CHART / "templates").rglob("*")
        if path.suffix in (".yaml", ".txt")
        and not path.read_text().startswith('{{- include "imagejobs.defaults" . }}\n')
    ]
    assert late == []


def sections():
    """Yield the path of each group of values."""

    def inside(node, path):
        for name, value in node.items():
            if f"{path}{name}" in ("s3", "redis", "api"):
                yield from inside(value, f"{path}{name}.")
            elif f"{path}{name}" in ("api.callers", "api.watchLinks"):
                continue  # what the case says
            elif isinstance(value, dict) and value and name not in ("requests", "limits", "labels"):
                yield f"{path}{name}"
                yield from inside(value, f"{path}{name}.")

    yield from inside(yaml.safe_load((CHART / "values.yaml").read_text()), "")


@pytest.mark.parametrize("path", sorted(sections()))
def test_values_that_a_stored_release_lacks_end_in_no_nil_pointer(path):
    """`--reuse-values` leaves out what is newer than the release; `null` does the same."""
    assert render(*case("install"), "--set", f"{path}=null") == render(*case("install"))


def test_a_default_that_somebody_has_taken_away_stays_away():
    objects = render(*case("minimal"), "--set", "pool.resources.limits.ephemeral-storage=null")
    (container,) = one(objects, "Deployment", "imagejobs-pool")["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "2560Mi"}


def test_selectors_hold_nothing_that_a_value_changes():
    def selectors(*arguments):
        objects = of_kind(render(*case("minimal"), *arguments), "Deployment")
        return [re.sub(r"\s", "", str(each["spec"]["selector"])) for each in objects]

    changed = ("--set", "fullnameOverride=x,nameOverride=y,commonLabels.app\\.kubernetes\\.io/name=z")
    assert selectors() == selectors(*changed)
