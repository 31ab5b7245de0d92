"""Keys in the chart: made for whom has none, hashed for the API, never beside one's own."""

import hashlib

import yaml

from support.cluster import chart_render
from support.cluster.chart_render import case, of_kind, one, pods, render


def test_the_api_gets_the_hash_of_the_key_that_people_get():
    objects = render(*case("dev"))
    key = one(objects, "Secret", "imagejobs-key")["stringData"]["API_KEY"]
    text = one(objects, "Secret", "imagejobs-callers")["stringData"]["callers.yaml"]
    (caller,) = yaml.safe_load(text)["callers"]
    assert key.startswith("ijk_")
    assert len(key) >= 47
    assert caller["keys"] == [{"sha256": hashlib.sha256(key.encode()).hexdigest()}]
    assert key not in text


def test_two_installs_have_two_keys():
    keys = {
        one(render(*case("dev"), release=name), "Secret", f"{name}-imagejobs-key")["stringData"]["API_KEY"]
        for name in ("a", "b")
    }
    assert len(keys) == 2


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
    made = one(render(*case("dev")), "Secret", "imagejobs-watch")["stringData"]["WATCH_SECRETS"]
    assert len(made) >= 43
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
