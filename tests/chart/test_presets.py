"""Presets of the values: in a ConfigMap that the API reads, and new pods for other ones."""

import json

from imagejobs_api.presets import presets_file
from support.cluster.chart_render import case, of_kind, render

PRESETS = [{"name": "shop", "variants": [{"name": "thumb", "width": 200}, {"name": "web", "width": 1200}]}]


def rendered(presets):
    objects = render(*case("dev"), "--set-json", f"api.presets={json.dumps(presets)}")
    (config,) = [each for each in of_kind(objects, "ConfigMap") if "presets.json" in each["data"]]
    (api,) = [each for each in of_kind(objects, "Deployment") if each["metadata"]["name"].endswith("-api")]
    return config, api["spec"]["template"]["spec"]


def test_the_api_is_given_presets_that_it_reads():
    config, pod = rendered(PRESETS)
    assert list(presets_file.read(config["data"]["presets.json"]).by_name) == ["shop"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "presets"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    environ = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "presets"]
    assert environ["PRESETS_FILE"] == f"{mount['mountPath']}/presets.json"


def test_other_presets_start_new_pods():
    assert rendered(PRESETS)[1] != rendered([PRESETS[0] | {"description": "Ours."}])[1]
