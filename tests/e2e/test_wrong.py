"""A wrong installation names its fault within a minute, in helm's output or in `kubectl describe`."""

import json

import pytest

from support.cluster import kind_cluster as e2e

NAMESPACE = f"{e2e.NAMESPACE}-other"
SETTINGS = "s3.bucket=pictures,crds.install=false,image.tag=e2e"
FOREIGN = (
    "pool.keda.enabled=false,metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false,"
    "api.httpRoute.enabled=false"
)
CLASSES = (
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1},
    {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "gvisor"},
        "handler": "runsc",
    },
)
SMALL = "api.replicas=1,pool.replicas=1,pool.resources.requests.cpu=50m"


def install(*arguments):
    e2e.helm(
        "install", "wrong", str(e2e.CHART), "--set", SETTINGS, "--set", SMALL, *arguments, namespace=NAMESPACE
    )


def described(selector, words):
    return lambda: words in e2e.kubectl("describe", "pods", "--selector", selector, namespace=NAMESPACE)


def test_a_misspelled_value_is_refused_by_helm(release, namespace):
    with pytest.raises(AssertionError, match="'relicas' not allowed"):
        install("--set", "api.relicas=3")


def test_a_missing_secret_is_named_by_every_pod(release, namespace):
    install("--set", "s3.existingSecret=nowhere,redis.url=redis://nowhere:6379")
    for component in ("api", "operator", "pool"):
        e2e.until(
            component, described(f"app.kubernetes.io/component={component}", 'secret "nowhere" not found'), 60
        )


def test_a_setting_that_cannot_be_read_is_named_by_describe(release, namespace):
    e2e.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "bad"},
            "stringData": {"REDIS_URL": "localhost"},
        },
        namespace=NAMESPACE,
    )
    install("--set", "redis.existingSecret=bad")
    for component in ("api", "operator", "pool"):
        e2e.until(component, described(f"app.kubernetes.io/component={component}", "REDIS_URL:"), 60)


def test_an_s3_that_does_not_answer_is_named_by_describe(release, namespace):
    secret = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    e2e.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": secret},
        namespace=NAMESPACE,
    )
    install("--set", "redis.url=redis://nowhere:6379,s3.existingSecret=keys,s3.endpoint=http://127.0.0.1:9")
    e2e.until(
        "the bucket's Job",
        described("app.kubernetes.io/component=bucket", "S3 (http://127.0.0.1:9) does not answer"),
        60,
    )


@pytest.mark.parametrize("case", ["minimal", "dev", "everything"])
def test_the_api_server_takes_what_the_chart_makes(release, namespace, case):
    """Kinds of KEDA, the Prometheus operator and the Gateway API are not there: their switches are off."""
    e2e.apply(*CLASSES)  # the pod of `helm test` has them
    changes = (
        "--values",
        str(e2e.CHART / "ci" / f"{case}-values.yaml"),
        "--set",
        f"{FOREIGN},watch.namespaces=null",
    )
    objects = e2e.helm("template", "checked", str(e2e.CHART), *changes, namespace=NAMESPACE)
    dry = (
        "apply",
        "--dry-run=server",
        "--server-side",
        "--force-conflicts",
        "--output",
        "json",
        "--filename",
        "-",
    )
    assert json.loads(e2e.kubectl(*dry, stdin=objects, namespace=NAMESPACE))["items"]
