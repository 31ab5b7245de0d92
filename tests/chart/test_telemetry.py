"""With a collector every program gets its address and may connect to it; without one there is neither."""

import pytest

from support.cluster.chart_render import case, of_kind, render

ENDPOINT = "http://collector.monitoring.svc:4318"
TALKERS = ("api", "operator", "pool", "jobs")


def ports(objects):
    """Return the ports that each component may go to."""
    policies = of_kind(objects, "NetworkPolicy")
    return {
        policy["metadata"]["labels"]["app.kubernetes.io/component"]: {
            entry["port"] for rule in policy["spec"]["egress"] for entry in rule["ports"]
        }
        for policy in policies
    }


def settings(objects):
    """Return the settings that all programs get, the pods of Jobs included."""
    return next(each["data"] for each in of_kind(objects, "ConfigMap") if "S3_BUCKET" in each["data"])


def test_all_programs_are_told_where_the_collector_is_and_may_go_there():
    objects = render(
        *case("minimal"), "--set", f"telemetry.otlpEndpoint={ENDPOINT}", "--set", "telemetry.samplePercent=25"
    )
    found = settings(objects)
    assert (found["OTEL_EXPORTER_OTLP_ENDPOINT"], found["OTEL_TRACES_SAMPLER_ARG"]) == (ENDPOINT, "0.25")
    assert all(4318 in ports(objects)[each] for each in TALKERS), ports(objects)


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://otlp.example.org", 443), ("http://collector", 80), ("https://otlp.example.org:8443/x", 8443)],
)
def test_the_port_is_that_of_the_address(endpoint, port):
    assert port in ports(render(*case("minimal"), "--set", f"telemetry.otlpEndpoint={endpoint}"))["api"]


def test_without_a_collector_nothing_of_it_is_there():
    objects = render(*case("minimal"))
    assert not any(name.startswith("OTEL_") for name in settings(objects))
    assert not any(4318 in each for each in ports(objects).values())
