"""Several results of one upload in one call, by `variants` or by the name of a preset."""

import json

import httpx2
import pytest

from support.api.client import ASYNC, WAIT, fault_names
from support.api.forms import JPEG

VARIANTS = [
    {"name": "thumb", "width": 200, "height": 200, "fit": "cover"},
    {"name": "web", "width": 1200, "format": "webp", "max_size": "150kB"},
    {"name": "large", "width": 2400},
]
ENVIRON: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _presets(tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "presets.yaml"
    path.write_text(json.dumps({"presets": [{"name": "shop", "description": "Ours.", "variants": VARIANTS}]}))
    ENVIRON["PRESETS_FILE"] = str(path)


def made_variants(service, job_id):
    return [each["name"] for each in service.client.job(job_id).json()["spec"]["variants"]]


@pytest.mark.parametrize(
    "options", [{"variants": json.dumps(VARIANTS)}, {"preset": "shop"}], ids=["variants", "preset"]
)
def test_one_upload_has_several_results_in_one_call(service, options):
    answer = service.client.post_image(headers=ASYNC, **options)
    assert answer.status_code == 202, answer.text
    assert answer.json()["outputs"] == []
    job_id = answer.json()["job_id"]
    assert made_variants(service, job_id) == ["thumb", "web", "large"]


def test_the_answer_lists_every_result(service):
    body = service.client.post_image(headers=WAIT, preset="shop").json()
    assert [each["variant"] for each in body["outputs"]] == ["thumb", "web", "large"]
    assert [(each["width"], each["format"]) for each in body["outputs"]] == [
        (200, "jpeg"), (1200, "webp"), (2400, "jpeg"),
    ]  # fmt: skip
    assert all(httpx2.get(each["download_url"]).status_code == 200 for each in body["outputs"])
    assert body["width"] == 200
    (entry,) = service.client.post_batch([("a.jpg", JPEG)], headers=WAIT, preset="shop").json()["image_jobs"]
    assert [each["variant"] for each in entry["outputs"]] == ["thumb", "web", "large"]


def test_a_batch_takes_variants_too(service):
    answer = service.client.post_batch([("a.jpg", JPEG), ("b.jpg", JPEG)], preset="shop")
    assert answer.status_code == 202, answer.text
    assert [each["outputs"] for each in answer.json()["image_jobs"]] == [[], []]
    assert made_variants(service, answer.json()["batch_job_id"]) == ["thumb", "web", "large"]


def test_a_url_takes_variants_as_json_or_text(service):
    url = "https://images.example.org/a.jpg"
    for given in (VARIANTS, json.dumps(VARIANTS)):
        answer = service.client.post_urls({"url": url, "variants": given}, ASYNC)
        assert answer.status_code == 202, answer.text
        assert made_variants(service, answer.json()["job_id"]) == ["thumb", "web", "large"]


def test_a_job_may_name_a_preset_and_gets_its_variants(service):
    body = {"items": [{"url": "https://images.example.org/a.jpg"}], "variants_from": "shop"}
    answer = service.client.post_job(body)
    assert answer.status_code == 202, answer.text
    assert made_variants(service, answer.json()["job_id"]) == ["thumb", "web", "large"]
    assert fault_names(service.client.post_job(body | {"variants": VARIANTS})) == ["variants_from"]
    assert fault_names(service.client.post_job(body | {"variants_from": "absent"})) == ["variants_from"]


def test_crops_know_no_variants(service):
    answer = service.client.post_image(call="center-crop", width=1, height=1, preset="shop")
    assert "preset" in fault_names(answer)


def test_presets_are_listed_and_told_in_the_document(service):
    answer = service.client.get("/api/presets")
    assert answer.status_code == 200
    (preset,) = answer.json()["presets"]
    assert (preset["name"], preset["description"]) == ("shop", "Ours.")
    assert [each["name"] for each in preset["variants"]] == ["thumb", "web", "large"]
    assert preset["variants"][1] == {"name": "web", "width": 1200, "format": "webp", "max_size": 150_000}
    schemas = service.client.get("/api/openapi.json").json()["components"]["schemas"]
    assert schemas["ResizeRequest"]["properties"]["preset"]["enum"] == ["shop"]


def test_one_variant_answers_as_ever(service):
    answer = service.client.post_image(headers=WAIT, variants='[{"width": 200}]')
    assert answer.status_code == 200, answer.text
    assert "outputs" not in answer.json()
