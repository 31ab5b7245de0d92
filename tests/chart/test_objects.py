"""The objects of the chart for every file of values: closed by default, and every reference resolves."""

import json
from ipaddress import ip_address, ip_network

import pytest

from imagejobs_contract.wire import redis_keys
from support.cluster import chart_render
from support.cluster.chart_render import case, of_kind, one, pods, render

CLUSTER_WIDE = {
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}  # fmt: skip

every_case = pytest.mark.parametrize("name", chart_render.CASES)


def rules(objects):
    return [rule for each in of_kind(objects, "Role", "ClusterRole") for rule in each["rules"]]


def matches(selector, labels):
    equal = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return equal and all(each["key"] in labels for each in selector.get("matchExpressions", []))


@every_case
def test_no_two_objects_have_the_same_name(name):
    keys = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in render(*case(name))
    ]
    assert len(keys) == len(set(keys))


@every_case
def test_every_namespaced_object_says_where_it_goes(name):
    homeless = [
        each["metadata"]["name"]
        for each in render(*case(name))
        if ("namespace" in each["metadata"]) == (each["kind"] in CLUSTER_WIDE)
    ]
    assert homeless == []


@every_case
def test_every_object_and_pod_carries_the_labels(name):
    wanted = {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
        "app.kubernetes.io/version",
        "helm.sh/chart",
    }
    objects = render(*case(name))
    holders = [each["metadata"] for each in objects] + [pod["metadata"] for _, pod in pods(objects)]
    assert [meta.get("name") for meta in holders if not wanted <= set(meta["labels"])] == []


@every_case
def test_every_pod_may_run_in_a_restricted_namespace(name):
    for pod_name, pod in pods(render(*case(name))):
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"], pod_name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod_name
        for container in pod["spec"]["containers"]:
            expected = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["securityContext"] == expected, pod_name


@every_case
def test_every_container_is_bounded_in_memory_and_names_its_image_by_a_tag(name):
    for pod_name, pod in pods(render(*case(name))):
        for container in pod["spec"]["containers"]:
            assert "memory" in container["resources"]["limits"], pod_name
            assert container["image"].rpartition(":")[2] not in ("", "latest"), pod_name


@every_case
def test_only_the_api_and_the_operator_can_speak_to_kubernetes(name):
    speaking = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for _, pod in pods(render(*case(name)))
        if pod["spec"].get("automountServiceAccountToken", True)
    }
    assert speaking - {"secrets"} == {"api", "operator"}


@every_case
def test_no_rule_has_a_wildcard_or_reads_secrets(name):
    for rule in rules(render(*case(name))):
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], rule
        assert not {"pods/exec", "serviceaccounts/token"} & set(rule["resources"]), rule
        if "secrets" in rule["resources"]:  # those that the chart makes, by name
            assert rule["resourceNames"]
            assert rule["verbs"] == ["get", "patch"]


@every_case
def test_every_selector_finds_pods_of_the_chart(name):
    objects = render(*case(name))
    labels = [pod["metadata"]["labels"] for _, pod in pods(objects)] + [{"imagejobs.dev/imagejob": "x"}]
    selectors = [each["spec"]["podSelector"] for each in of_kind(objects, "NetworkPolicy")]
    selectors += [each["spec"]["selector"] for each in of_kind(objects, "PodDisruptionBudget", "Deployment")]
    selectors += [{"matchLabels": each["spec"]["selector"]} for each in of_kind(objects, "Service")]
    for selector in selectors:
        assert sum(matches(selector, each) for each in labels) == 1, selector


@every_case
def test_every_service_port_leads_to_a_container_port(name):
    objects = render(*case(name))
    for service in of_kind(objects, "Service"):
        pod = next(
            pod
            for _, pod in pods(objects)
            if matches({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"])
        )
        ports = {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@every_case
def test_every_volume_is_mounted_and_every_mount_has_its_volume(name):
    for pod_name, pod in pods(render(*case(name))):
        volumes = {each["name"] for each in pod["spec"].get("volumes", [])}
        mounts = {
            each["name"]
            for container in pod["spec"]["containers"]
            for each in container.get("volumeMounts", [])
        }
        assert volumes == mounts, pod_name


@every_case
def test_every_service_account_is_made_or_named_by_the_user(name):
    objects = render(*case(name))
    made = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")} | {"shop-api"}
    used = {pod["spec"].get("serviceAccountName") for _, pod in pods(objects)} - {None}
    bound = {
        subject["name"]
        for each in of_kind(objects, "RoleBinding", "ClusterRoleBinding")
        for subject in each["subjects"]
    }
    assert used | bound <= made


@every_case
def test_every_pod_of_the_chart_has_a_network_policy_that_lets_nobody_in_unasked(name):
    objects = render(*case(name))
    policies = of_kind(objects, "NetworkPolicy")
    for pod_name, pod in pods(objects):
        labels = pod["metadata"]["labels"]
        own = [each for each in policies if matches(each["spec"]["podSelector"], labels)]
        assert own, pod_name
        assert all(set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"} for each in own), pod_name


@every_case
def test_every_egress_rule_says_where_to(name):
    """A rule of ports alone leads to the cloud's metadata address, too, and to any host inside."""
    cases = [[], ["--set", "networkPolicy.identity=gke"], ["--set", "networkPolicy.identity=azure"]]
    for more in cases if name == "minimal" else [[]]:
        for policy in of_kind(render(*case(name), *more), "NetworkPolicy"):
            for rule in policy["spec"].get("egress", []):
                assert rule["to"], policy["metadata"]["name"]
                for peer in rule["to"]:
                    assert not leads_to_metadata(peer), policy["metadata"]["name"]


def leads_to_metadata(peer):
    block = peer.get("ipBlock")
    if block is None:
        return False
    network = ip_network(block["cidr"])
    return any(
        ip_address(address) in network
        and not any(ip_address(address) in ip_network(each) for each in block.get("except", ()))
        for address in ("169.254.169.254", "fd00:ec2::254")
        if ip_address(address).version == network.version
    )


@pytest.mark.parametrize(
    ("endpoint", "peers"),
    [
        ("http://minio.storage.svc:9000", [{"kubernetes.io/metadata.name": "storage"}]),
        ("http://minio.storage.svc.cluster.local:9000", [{"kubernetes.io/metadata.name": "storage"}]),
        ("http://10.1.2.3:9000", ["10.1.2.3/32"]),
        ("https://[fd12::1]:9000", ["fd12::1/128"]),
        ("https://s3.example.com", ["0.0.0.0/0", "2000::/3"]),
        ("", ["0.0.0.0/0", "2000::/3"]),
    ],
    ids=["service", "long service", "IPv4", "IPv6", "public", "AWS"],
)
def test_where_s3_is_follows_from_its_endpoint(endpoint, peers):
    policy = one(
        render(*case("minimal"), "--set", f"s3.endpoint={endpoint}"), "NetworkPolicy", "imagejobs-jobs"
    )
    found = [
        [
            peer["ipBlock"]["cidr"] if "ipBlock" in peer else peer["namespaceSelector"].get("matchLabels")
            for peer in rule["to"]
        ]
        for rule in policy["spec"]["egress"]
    ]
    assert peers in found


@pytest.mark.parametrize(
    ("identity", "peers", "port"),
    [
        ("eks-pod-identity", ["169.254.170.23/32", "fd00:ec2::23/128"], 80),
        ("gke", ["169.254.169.252/32"], 988),
    ],
)
def test_a_clouds_identity_is_reached_at_the_nodes_agent(identity, peers, port):
    for name in ("api", "operator", "jobs", "pool", "bucket"):
        policy = one(
            render(*case("minimal"), "--set", f"networkPolicy.identity={identity}"),
            "NetworkPolicy",
            f"imagejobs-{name}",
        )
        assert any(
            [peer.get("ipBlock", {}).get("cidr") for peer in rule["to"]] == peers
            and port in [each["port"] for each in rule["ports"]]
            for rule in policy["spec"]["egress"]
        ), name


def test_the_api_answers_to_its_own_names_only_unless_it_is_open_to_other_ways():
    def hosts(*arguments):
        spec = one(render(*case("minimal"), *arguments), "Deployment", "imagejobs-api")["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        return next((each["value"] for each in container["env"] if each["name"] == "ALLOWED_HOSTS"), None)

    own = "imagejobs-api,imagejobs-api.pictures,imagejobs-api.pictures.svc,127.0.0.1,localhost"
    assert hosts() == own
    assert hosts("--set", "api.publicUrl=https://a.example.com:8443/x") == f"a.example.com,{own}"
    assert hosts("--set", "api.ingress.enabled=true,api.ingress.host=b.example.com") == f"b.example.com,{own}"
    assert hosts("--set", "api.allowedHosts={images.example.com}") == f"images.example.com,{own}"
    assert hosts("--set", "api.service.type=NodePort") is None


def test_workers_reach_neither_private_addresses_nor_the_clouds_metadata():
    policy = one(render(*case("minimal")), "NetworkPolicy", "imagejobs-jobs")
    block = next(
        peer["ipBlock"]
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        if 80 in [each["port"] for each in rule["ports"]]
        and peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    )
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} <= set(
        block["except"]
    )
    assert "ingress" not in policy["spec"]
    assert "Ingress" in policy["spec"]["policyTypes"]


def test_the_operator_reaches_receivers_of_callbacks_only_where_there_are_callbacks():
    def reached(*arguments):
        policy = one(render(*case("minimal"), *arguments), "NetworkPolicy", "imagejobs-operator")
        return [
            block["ipBlock"]["cidr"]
            for rule in policy["spec"]["egress"]
            for block in rule["to"]
            if "ipBlock" in block and 80 in [each["port"] for each in rule["ports"]]
        ]

    assert reached() == []
    assert reached("--set", "webhooks.existingSecret=hooks,webhooks.privateReceivers={10.1.5.0/24}") == [
        "0.0.0.0/0",
        "2000::/3",
        "10.1.5.0/24",
    ]


@pytest.mark.parametrize("component", ["api", "operator"])
def test_callers_own_webhook_secrets_are_mounted_where_they_are_looked_for(component):
    objects = render(*case("minimal"), "--set", "webhooks.callersSecret=hooks")
    spec = one(objects, "Deployment", f"imagejobs-{component}")["spec"]["template"]["spec"]
    assert {"name": "webhooks", "secret": {"secretName": "hooks"}} in spec["volumes"]
    (container,) = spec["containers"]
    folder = next(each["value"] for each in container["env"] if each["name"] == "WEBHOOK_SECRETS_DIR")
    assert {"name": "webhooks", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert "2000::/3" in str(one(objects, "NetworkPolicy", "imagejobs-operator"))


def test_the_internet_is_open_on_the_ports_that_urls_may_name():
    def ports(name, *arguments):
        policy = one(
            render(*case("minimal"), "--set", "webhooks.existingSecret=hooks", *arguments),
            "NetworkPolicy",
            f"imagejobs-{name}",
        )
        (public,) = (
            rule
            for rule in policy["spec"]["egress"]
            if {"ipBlock": {"cidr": "2000::/3"}} in rule["to"]
            and rule["ports"] != [{"protocol": "TCP", "port": 443}]
        )
        return [(each["port"], each.get("endPort")) for each in public["ports"]]

    for name in ("jobs", "operator"):
        assert ports(name) == [(80, None), (443, None)]
        assert ports(name, "--set", "urls.ports={443,8000-8999}") == [(443, None), (8000, 8999)]


def test_pods_of_jobs_are_shaped_like_those_of_the_pool():
    objects = render(*case("everything"))
    container = one(objects, "Deployment", "shop-images-operator")["spec"]["template"]["spec"]["containers"][
        0
    ]
    given = {each["name"]: each.get("value") for each in container["env"]}
    shape, pool = (
        json.loads(given["WORKER_POD"]),
        one(objects, "Deployment", "shop-images-pool")["spec"]["template"],
    )
    assert shape["imagePullPolicy"] == "Always"
    assert {"name": "TZ", "value": "UTC"} in shape["env"]
    for name in (
        "nodeSelector",
        "tolerations",
        "affinity",
        "topologySpreadConstraints",
        "priorityClassName",
        "runtimeClassName",
    ):
        assert shape[name] == pool["spec"][name], name
    assert shape["annotations"] == {"example.com/note": "hello"}
    assert shape["labels"] == {
        "app.kubernetes.io/name": "imagejobs",
        "app.kubernetes.io/instance": "imagejobs",
        "app.kubernetes.io/component": "job",
        "app.kubernetes.io/part-of": "imagejobs",
        "example.com/tier": "front",
        "team": "shop",
    }
    assert given["COPIED_LABELS"] == "imagejobs.dev/caller,team,example.com/cost-center"


def test_pods_of_one_job_are_spread_over_nodes_unless_said_otherwise():
    container = one(render(*case("minimal")), "Deployment", "imagejobs-operator")["spec"]["template"]["spec"][
        "containers"
    ][0]
    (shape,) = (json.loads(each["value"]) for each in container["env"] if each["name"] == "WORKER_POD")
    (spread,) = shape["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["matchLabelKeys"] == ["imagejobs.dev/imagejob"]


@pytest.mark.parametrize("name", ["minimal", "everything"])
def test_another_operator_begins_soon_where_its_node_is_lost(name):
    (operator,) = (
        pod
        for _, pod in pods(render(*case(name)))
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"
    )
    given = {each["key"]: each.get("tolerationSeconds") for each in operator["spec"]["tolerations"]}
    assert given == ({"images": None} if name == "everything" else {}) | {
        "node.kubernetes.io/not-ready": 30,
        "node.kubernetes.io/unreachable": 30,
    }


def test_workers_that_find_faces_are_another_image_and_the_api_is_told():
    def seen(*arguments):
        objects = render(*case("minimal"), "--set", "image.tag=v1", *arguments)
        given = {}
        for name in ("api", "operator", "pool"):
            container = one(objects, "Deployment", f"imagejobs-{name}")["spec"]["template"]["spec"][
                "containers"
            ][0]
            given |= {each["name"]: each.get("value") for each in container["env"]} | {
                name: container["image"]
            }
        return [
            given["FIND_FACES"],
            given["WORKER_IMAGE"].rpartition("/")[2],
            given["pool"].rpartition("/")[2],
        ]

    assert seen() == ["false", "imagejobs-worker:v1", "imagejobs-worker:v1"]
    assert seen("--set", "worker.faces=true") == [
        "true",
        "imagejobs-worker-faces:v1",
        "imagejobs-worker-faces:v1",
    ]


def test_images_can_be_pinned_by_digest():
    digest = "sha256:" + "a" * 64
    objects = render(*case("minimal"), "--set", f"image.digests.worker={digest},image.tag=1.2.3")
    images = {
        container["image"].rpartition("/")[2]
        for _, pod in pods(objects)
        for container in pod["spec"]["containers"]
    }
    assert images == {"imagejobs-api:1.2.3", "imagejobs-operator:1.2.3", f"imagejobs-worker:1.2.3@{digest}"}


@pytest.mark.parametrize("component", ["api", "operator"])
def test_api_and_operator_sign_callbacks_with_the_same_secret(component):
    container = one(render(*case("everything")), "Deployment", f"shop-images-{component}")["spec"][
        "template"
    ]["spec"]["containers"][0]
    given = {each["name"]: each.get("valueFrom", each.get("value")) for each in container["env"]}
    assert given["WEBHOOK_SECRETS"] == {"secretKeyRef": {"name": "shop-webhooks", "key": "WEBHOOK_SECRETS"}}
    assert (given["ALLOWED_PRIVATE_CALLBACKS"], given["PUBLIC_URL"]) == (
        "10.1.5.0/24",
        "https://images.example.com",
    )


def test_a_release_watches_its_own_namespace_with_a_role():
    objects = render(*case("minimal"))
    (binding,) = of_kind(objects, "ClusterRoleBinding")
    assert one(objects, "ClusterRole", binding["roleRef"]["name"])["rules"] == [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
            "resourceNames": ["claims.imagejobs.dev"],
            "verbs": ["get"],
        },
        {"apiGroups": ["scheduling.k8s.io"], "resources": ["priorityclasses"], "verbs": ["get"]},
    ]
    assert {each["metadata"]["namespace"] for each in of_kind(objects, "Role")} == {"pictures"}


def test_named_namespaces_get_what_job_pods_need_there():
    objects = render(*case("dev"), "--set", "watch.namespaces={shop}")
    there = {
        (each["kind"], each["metadata"]["name"])
        for each in objects
        if each["metadata"].get("namespace") == "shop"
    }
    assert there == {
        ("ConfigMap", "imagejobs-settings"),
        ("NetworkPolicy", "imagejobs-jobs"),
        ("Role", "imagejobs-api"),
        ("Role", "imagejobs-operator"),
        ("Role", "imagejobs-secrets"),
        ("RoleBinding", "imagejobs-api"),
        ("RoleBinding", "imagejobs-operator"),
        ("RoleBinding", "imagejobs-secrets"),
        ("Secret", "imagejobs-dev"),
        ("ServiceAccount", "imagejobs-worker"),
    }


def test_jobs_of_other_namespaces_can_be_let_go_of_when_their_roles_are_gone():
    objects = render(*case("dev"), "--set", "watch.namespaces={shop}")
    binding = one(objects, "ClusterRoleBinding", "pictures-imagejobs-operator-namespaces")
    role = one(objects, "ClusterRole", binding["roleRef"]["name"])
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "patch"}
    operator = one(objects, "ServiceAccount", "imagejobs-operator")["metadata"]
    subject = {"kind": "ServiceAccount", "name": operator["name"], "namespace": operator["namespace"]}
    assert binding["subjects"] == [subject]


def test_all_namespaces_are_watched_with_a_cluster_role():
    objects = render(*case("minimal"), "--set", "watch.allNamespaces=true")
    binding = one(objects, "ClusterRoleBinding", "pictures-imagejobs-operator")
    assert binding["roleRef"]["name"] == "pictures-imagejobs-operator"
    assert one(objects, "ClusterRole", "pictures-imagejobs-operator")["rules"]


def test_two_releases_of_the_same_name_do_not_meet_outside_their_namespaces():
    settings = (*case("minimal"), "--set", "crds.install=false,watch.allNamespaces=true")
    first, second = (
        {
            (each["kind"], each["metadata"]["name"])
            for each in render(*settings, namespace=where)
            if each["kind"] in CLUSTER_WIDE
        }
        for where in ("a", "b")
    )
    assert first
    assert not first & second


@pytest.mark.parametrize(
    ("component", "settings"),
    [
        ("api", "api.autoscaling.enabled=true"),
        ("pool", "pool.autoscaling.enabled=true"),
        ("pool", "pool.keda.enabled=true,pool.keda.address=r:1"),
    ],
)
def test_a_scaled_deployment_leaves_its_replicas_to_the_scaler(component, settings):
    objects = render(*case("minimal"), "--set", settings)
    assert "replicas" not in one(objects, "Deployment", f"imagejobs-{component}")["spec"]
    assert one(
        objects, "ScaledObject" if "keda" in settings else "HorizontalPodAutoscaler", f"imagejobs-{component}"
    )


def test_keda_scales_the_pool_by_the_length_of_the_queue_that_its_workers_read():
    objects = render(*case("everything"))
    spec = one(objects, "ScaledObject", "shop-images-pool")["spec"]
    assert spec["scaleTargetRef"] == {
        "name": one(objects, "Deployment", "shop-images-pool")["metadata"]["name"]
    }
    (trigger,) = spec["triggers"]
    redis = {"address": "valkey.storage.svc:6380", "databaseIndex": "1", "enableTLS": "true"}
    assert trigger["metadata"] == redis | {"stream": redis_keys.TASKS, "streamLength": "50"}
    assert trigger["authenticationRef"] == {"name": "valkey"}


@pytest.mark.parametrize("component", ["api", "pool"])
def test_a_drain_takes_a_component_away_bit_by_bit(component):
    budget = one(render(*case("minimal")), "PodDisruptionBudget", f"imagejobs-{component}")["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_a_pool_that_is_off_leaves_nothing_behind():
    objects = render(*case("minimal"), "--set", "pool.enabled=false,pool.autoscaling.enabled=true")
    assert [each["kind"] for each in objects if each["metadata"]["name"] == "imagejobs-pool"] == []


def test_changed_settings_roll_the_pods():
    def digests(*arguments):
        return {
            pod["metadata"]["annotations"]["imagejobs.dev/settings-digest"]
            for _, pod in pods(render(*case("minimal"), *arguments))
            if "annotations" in pod["metadata"]
            and "imagejobs.dev/settings-digest" in pod["metadata"]["annotations"]
        }

    assert digests() != digests("--set", "limits.maxPixels=1000")


def test_a_changed_bucket_set_up_is_another_job_and_an_unchanged_one_the_same():
    def name(*arguments):
        jobs = of_kind(render(*case("minimal"), *arguments), "Job")
        return [each["metadata"]["name"] for each in jobs if "-bucket-" in each["metadata"]["name"]]

    assert name() == name("--set", "api.replicas=5")
    assert name() != name("--set", "bucket.uploadDays=3")
    assert name() != name("--set", "limits.maxPixels=1000")


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("", 443),
        ("https://s3.example.com", 443),
        ("http://minio", 80),
        ("http://minio.storage.svc:9000", 9000),
    ],
    ids=["AWS", "https", "http", "port"],
)
def test_the_port_of_s3_is_opened(endpoint, port):
    policy = one(
        render(*case("minimal"), "--set", f"s3.endpoint={endpoint}"), "NetworkPolicy", "imagejobs-api"
    )
    opened = {entry["port"] for rule in policy["spec"]["egress"] for entry in rule["ports"]}
    assert opened == {53, 443, 6443, 6379, port}
