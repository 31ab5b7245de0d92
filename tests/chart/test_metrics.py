"""Alerts and the dashboard ask for metrics that the programs show, and Prometheus finds the ports."""

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml

from support.cluster.chart_render import CHART, case, of_kind, one, pods, render

SHOWN = set(
    re.findall(
        r"^\| `(imagejobs_\w+)`",
        (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(),
        re.MULTILINE,
    )
)
"""`make check` compares that page with the programs."""
OF_ALL = {"imagejobs_build_info"}
"""In the head of that page; contract/runtime/metrics.py."""


def expressions(name):
    if name == "alerts.yaml":
        return [rule["expr"] for rule in yaml.safe_load((CHART / "files" / name).read_text())]
    panels = json.loads((CHART / "files" / name).read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_every_metric_is_one_that_a_program_shows(name):
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", metric)
        for text in expressions(name)
        for metric in re.findall(r"imagejobs_\w+", text)
    }
    assert asked
    assert asked <= SHOWN | OF_ALL


def alerts(*arguments):
    objects = render(*case("everything"), *arguments)
    (group,) = one(objects, "PrometheusRule", "shop-images-alerts")["spec"]["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_every_alert_of_the_file_is_there_and_of_this_release():
    written = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    assert list(alerts()) == [each["alert"] for each in written]
    for name, rule in alerts().items():
        assert 'namespace="pictures"' in rule["expr"], name
        assert "NAMESPACE" not in str(rule), name
        assert "RELEASE" not in str(rule), name
        assert "part" not in rule, name


def test_every_expression_is_promql():
    panels = [
        each.replace("$__rate_interval", "5m").replace("$namespace", ".*")
        for each in expressions("dashboard.json")
    ]
    for text in [rule["expr"] for rule in alerts().values()] + panels:
        promql_parser.parse(text)


def test_no_series_of_another_release_is_in_an_alert():
    for name, rule in alerts().items():
        selectors = re.findall(r"(?:imagejobs_\w+|\bup)(\{[^}]*\})?", rule["expr"])
        assert all('namespace="pictures"' in each for each in selectors), name


def test_a_part_that_is_off_fires_no_alert():
    without = alerts(
        "--set", "pool.enabled=false,pool.keda.enabled=false,metrics.serviceMonitor.enabled=false"
    )
    assert set(alerts()) - set(without) == {"ImagejobsNoWorkers", "ImagejobsPodDown"}


def test_every_alert_leads_to_its_runbook():
    page = (CHART.parents[1] / "docs" / "runbooks.md").read_text()
    headings = re.findall(r"^## (\w+)$", page, re.MULTILINE)
    assert headings == list(alerts())
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/imagejobs#{name.lower()}"
        assert rule["annotations"]["summary"]
    default = yaml.safe_load((CHART / "values.yaml").read_text())["metrics"]["prometheusRule"]["runbook"]
    assert default.endswith("/docs/runbooks.md")


def test_every_panel_asks_for_the_chosen_namespaces():
    for text in expressions("dashboard.json"):
        for selector in re.findall(r"imagejobs_\w+(\{[^}]*\})?", text):
            assert 'namespace=~"$namespace"' in selector, text


def test_what_is_mounted_is_what_is_in_the_files():
    objects = render(*case("everything"))
    data = one(objects, "ConfigMap", "shop-images-dashboard")["data"]
    assert json.loads(data["imagejobs.json"]) == json.loads((CHART / "files" / "dashboard.json").read_text())


def test_a_monitor_finds_the_service_of_its_component_and_no_other():
    objects = render(*case("everything"))
    labels = {each["metadata"]["name"]: each["metadata"]["labels"] for each in of_kind(objects, "Service")}
    monitors = of_kind(objects, "ServiceMonitor")
    assert len(monitors) == 3
    for monitor in monitors:
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        assert [name for name, own in labels.items() if wanted <= own.items()] == [
            monitor["metadata"]["name"] + "-metrics"
        ]


@pytest.mark.parametrize("component", ["api", "operator", "pool"])
def test_metrics_are_open_to_scrapers_only(component):
    objects = render(*case("everything"))
    rules = one(objects, "NetworkPolicy", f"shop-images-{component}")["spec"]["ingress"]
    (rule,) = (each for each in rules if each["ports"] == [{"protocol": "TCP", "port": 9464}])
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


def test_metrics_can_be_off():
    objects = render(*case("minimal"), "--set", "metrics.enabled=false")
    ports = [
        port["name"]
        for _, pod in pods(objects)
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    ]
    assert "metrics" not in ports
