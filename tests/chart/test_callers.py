"""Keys in the chart: made for whom has none, hashed for the API, never beside one's own."""

import pytest

from support.cluster import chart_render
from support.cluster.chart_render import CHART, case, of_kind, one, pods, render


@pytest.mark.parametrize("case_name", chart_render.CASES)
def test_nothing_random_is_rendered(case_name):
    """Argo CD renders at every sync: what is random would be another each time."""
    first, second = (chart_render.helm("template", "x", str(CHART), *case(case_name)) for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == second.stdout
    assert [
        each for each in of_kind(render(*case(case_name)), "Secret") if {"data", "stringData"} & set(each)
    ] == []


def test_the_key_outlives_the_release():
    objects = render(*case("dev"))
    for name in ("key", "callers", "watch"):
        kept = one(objects, "Secret", f"imagejobs-{name}")["metadata"]["annotations"]
        assert kept["helm.sh/resource-policy"] == "keep"


def test_the_job_that_fills_secrets_may_touch_those_alone():
    objects = render(*case("dev"), "--set", "watch.namespaces={shop}")
    rules = {
        each["metadata"]["namespace"]: each["rules"]
        for each in of_kind(objects, "Role")
        if each["metadata"]["name"] == "imagejobs-secrets"
    }
    made = {each["metadata"]["name"] for each in of_kind(objects, "Secret")}
    ((own,), (other,)) = rules["pictures"], rules["shop"]
    assert set(own["resourceNames"]) == made
    assert other["resourceNames"] == ["imagejobs-dev"]
    assert own["verbs"] == other["verbs"] == ["get", "patch"]


def test_nothing_is_filled_where_all_secrets_are_given():
    objects = render(*case("install"))
    assert [
        each["metadata"]["name"] for each in objects if each["metadata"]["name"].endswith("secrets")
    ] == []


def test_only_the_api_and_helms_test_see_secrets_of_callers():
    hashes = [{"key": "callers.yaml", "path": "callers.yaml"}]
    for case_name in chart_render.CASES:
        for name, pod in pods(render(*case(case_name))):
            for volume in (
                each for each in pod["spec"].get("volumes", []) if "secret" in each and "dev" not in name
            ):
                signs = volume["name"] == "webhooks" and name.endswith(("-api", "-operator"))
                assert signs or (name.endswith("-api") and volume["secret"]["items"] == hashes)
            given = [
                each["name"] for container in pod["spec"]["containers"] for each in container.get("env", [])
            ]
            assert ("API_KEY" in given) == name.endswith("-test")


def test_ones_own_callers_replace_the_charts():
    objects = render(*case("everything"))
    assert of_kind(objects, "Secret") == []
    volumes = one(objects, "Deployment", "shop-images-api")["spec"]["template"]["spec"]["volumes"]
    assert [each["secret"]["secretName"] for each in volumes if "secret" in each] == [
        "shop-callers-webhooks",
        "shop-callers",
    ]


def test_an_open_api_has_no_keys():
    objects = render(*case("minimal"), "--set", "api.allowAnonymous=true")
    assert [each["metadata"]["name"] for each in of_kind(objects, "Secret")] == ["imagejobs-watch"]


def test_the_secret_of_watch_links_is_made_or_given_and_goes_to_the_api_alone():
    one(render(*case("dev")), "Secret", "imagejobs-watch")
    objects = render(*case("everything"))
    assert not any(each["metadata"]["name"].endswith("-watch") for each in of_kind(objects, "Secret"))
    users = [
        name
        for name, pod in pods(objects)
        for container in pod["spec"]["containers"]
        for each in container.get("env", [])
        if each["name"] == "WATCH_SECRETS"
        and each["valueFrom"]["secretKeyRef"] == {"name": "shop-watch", "key": "WATCH_SECRETS"}
    ]
    assert [each.endswith("-api") for each in users] == [True]
