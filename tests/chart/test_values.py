"""The chart's values: what is refused, what is described, what agrees with the programs."""

import json

import pytest
import yaml

from imagejobs_contract.model.limits import Limits
from support.cluster import chart_render
from support.cluster.chart_render import CHART, case

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


def closed_objects(node, path="values"):
    """Yield (path, schema) of each object whose keys are listed."""
    if "properties" in node:
        yield path, node
        for name, child in node["properties"].items():
            yield from closed_objects(child, f"{path}.{name}")


def leaves(node, path=""):
    """Yield the path of each value that has no keys of its own in the schema."""
    for name, child in node["properties"].items():
        if "properties" in child:
            yield from leaves(child, f"{path}{name}.")
        elif name != "global":
            yield f"{path}{name}"


def at(values, path):
    for name in path.split("."):
        values = values[name]
    return values


@pytest.mark.parametrize("name", chart_render.CASES)
def test_helm_lint_finds_nothing(name):
    run = chart_render.helm("lint", "--strict", str(CHART), *case(name))
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_object_refuses_unknown_keys():
    every = [*closed_objects(SCHEMA), *closed_objects({"properties": SCHEMA["$defs"]})]
    listed = [(path, node) for path, node in every if path != "values" or "type" in node]
    assert [path for path, node in listed if node.get("additionalProperties") is not False] == []


def test_every_value_is_described():
    bare = [
        f"{path}.{name}"
        for path, node in closed_objects(SCHEMA)
        for name, child in node["properties"].items()
        if not child.get("description")
    ]
    assert bare == []


def test_defaults_and_schema_name_the_same_values():
    def defaults(node, path=""):
        for name, value in node.items():
            schema = at(
                SCHEMA, ".".join(["properties", *f"{path}{name}".replace(".", ".properties.").split(".")])
            )
            if "properties" in schema and value != {}:
                yield from defaults(value, f"{path}{name}.")
            else:
                yield f"{path}{name}"

    described = {path for path in leaves(SCHEMA) if not path.startswith("limits.")} | {"limits"}
    assert set(defaults(DEFAULTS)) == described


def test_the_file_of_everything_names_every_value():
    values = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text())

    def named(path):
        node = values
        for name in path.split("."):
            if name not in node:
                return False
            node = node[name]
        return True

    assert [path for path in leaves(SCHEMA) if not named(path)] == []


def test_the_limits_are_those_of_the_contract():
    def camel(name):
        first, *rest = name.split("_")
        return first + "".join(word.title() for word in rest)

    described = {name: node["default"] for name, node in SCHEMA["properties"]["limits"]["properties"].items()}
    assert described == {camel(name): value for name, value in Limits()._asdict().items()}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        pytest.param("api.relicas=3", "'relicas' not allowed", id="typo"),
        pytest.param("poool.enabled=false", "'poool' not allowed", id="typo at the top"),
        pytest.param("api.replicas=many", "/api/replicas", id="word for a number"),
        pytest.param("api.replicas=0", "/api/replicas", id="no replica"),
        pytest.param("s3.endpoint=minio:9000", "/s3/endpoint", id="endpoint without scheme"),
        pytest.param("s3.bucket=My_Bucket", "/s3/bucket", id="impossible bucket"),
        pytest.param("redis.url=http://redis", "/redis/url", id="not a Redis URL"),
        pytest.param("limits.maxPixels=-1", "/limits/maxPixels", id="negative limit"),
        pytest.param("limits.maxPixel=1", "'maxPixel' not allowed", id="unknown limit"),
        pytest.param("api.service.type=ExternalName", "/api/service/type", id="service of another kind"),
        pytest.param("api.linkSeconds=604801", "/api/linkSeconds", id="link for longer than SigV4 allows"),
        pytest.param("jobs.profiles.Huge.limits.memory=1Gi", "'Huge' not allowed", id="unknown profile"),
        pytest.param(
            "pool.resources.limits.memory=lots", "/pool/resources/limits/memory", id="not a quantity"
        ),
        pytest.param("worker.cage=none", "/worker/cage", id="no such cage"),
        pytest.param("urls.ports[0]=http", "/urls/ports/0", id="not a port"),
        pytest.param("image.digests.api=1234", "/image/digests/api", id="not a digest"),
        pytest.param("watch.namespaces[0]=Not_One", "/watch/namespaces/0", id="not a namespace"),
    ],
)
def test_a_wrong_value_is_refused_and_named(setting, told):
    run = chart_render.helm("template", "imagejobs", str(CHART), *case("minimal"), "--set", setting)
    assert run.returncode != 0
    assert told in run.stderr


def test_an_install_without_values_is_refused_with_all_that_is_missing():
    run = chart_render.helm("template", "imagejobs", str(CHART))
    assert run.returncode != 0
    for named in ("s3.bucket:", "redis.existingSecret:"):
        assert f"- {named}" in run.stderr


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param(
            "pool.enabled=false,jobs.enabled=false", "nobody does the work", id="neither pool nor jobs"
        ),
        pytest.param("pool.keda.enabled=true", "pool.keda.address", id="KEDA without an address"),
        pytest.param(
            "pool.keda.enabled=true,pool.keda.address=r:6379,pool.autoscaling.enabled=true",
            "choose one",
            id="two scalers",
        ),
        pytest.param("api.ingress.enabled=true", "api.ingress.host", id="ingress without a host"),
        pytest.param(
            "api.allowAnonymous=true,api.callers.existingSecret=x", "choose one", id="callers and anybody"
        ),
        pytest.param(
            "metrics.enabled=false,metrics.serviceMonitor.enabled=true",
            "metrics.enabled",
            id="monitor without metrics",
        ),
        pytest.param("operator.replicas=2", "operator.lease.enabled", id="two operators without a Lease"),
        pytest.param("dev.enabled=true", "leave s3.endpoint", id="dev and an S3 of one's own"),
    ],
)
def test_values_that_contradict_each_other_are_refused(settings, told):
    run = chart_render.helm("template", "imagejobs", str(CHART), *case("minimal"), "--set", settings)
    assert run.returncode != 0
    assert told in run.stderr
