"""GET /api/jobs/{id}?as=...: what is pasted makes a job like the one that it was copied from."""

import json
import subprocess
import sys

import pytest
import yaml

from imagejobs_api.jobs.copy_as import CopyAs, render
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Manifest, Spec
from support.api.client import ASYNC, fault_names
from support.api.forms import JPEG

NASTY = "a b;c,d'e\"f$(touch HACKED)`id`\\g\u202ejpg.<img src=x>.jpg"
VARIANTS = [{"name": "thumb", "width": 200, "height": 200, "fit": "cover"}, {"name": "web", "width": 1200}]


def copied(service, identifier: str, form: str) -> str:
    answer = service.client.get(f"/api/jobs/{identifier}", **{"as": form})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return answer.text


def run(text: str, form: str, folder) -> dict:
    """Paste a text into a shell, or run it as a program; return what the API answered."""
    command = ["sh", "-c", text] if form == "curl" else [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if form == "curl" else eval(done.stdout)


def spec_of(service, identifier: str) -> dict:
    spec = service.client.job(identifier).json()["spec"]
    items = [{name: each.get(name) for name in ("name", "url")} for each in spec["items"]]
    return spec | {"items": items}


@pytest.mark.parametrize("form", ["curl", "python"])
@pytest.mark.parametrize(
    "options", [{"width": 80, "max_size": "20kB", "enlarge": True}, {"variants": json.dumps(VARIANTS)}]
)
@pytest.mark.parametrize("file_names", [["a.jpg"], ["a.jpg", "b b.jpg"]], ids=["one", "two"])
def test_a_form_is_sent_again(service, tmp_path, form, options, file_names):
    for name in file_names:
        (tmp_path / name).write_bytes(JPEG)
    if len(file_names) == 1:
        identifier = service.client.job_id(file_name=file_names[0], **options)
    else:
        identifier = service.client.batch_id(*((name, JPEG) for name in file_names), **options)
    answer = run(copied(service, identifier, form), form, tmp_path)
    assert spec_of(service, answer.get("job_id") or answer["batch_job_id"]) == spec_of(service, identifier)


@pytest.mark.parametrize("form", ["curl", "python"])
def test_a_job_by_url_is_sent_again(service, tmp_path, form):
    body = {
        "items": [{"url": "https://images.example.org/a'$(id).jpg", "name": NASTY}], "variants": VARIANTS,
        "name": "it's $HOME", "retry": {"attempts": 2}, "max_failed_items": 3,
        "ttl_seconds_after_finished": 60, "output": {"cache_control": "max-age=60"},
    }  # fmt: skip
    answer = service.client.post_job(body, ASYNC)
    assert answer.status_code == 202, answer.text
    identifier = answer.json()["job_id"]
    again = run(copied(service, identifier, form), form, tmp_path)
    assert again["name"] == "it's $HOME"
    assert spec_of(service, again["job_id"]) == spec_of(service, identifier)
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_for_kubectl_is_the_spec_without_what_was_asked_for_later(service):
    body = {"items": [{"url": "https://images.example.org/a.jpg"}], "variants": VARIANTS, "name": NASTY}
    identifier = service.client.post_job(body, ASYNC).json()["job_id"]
    service.client.request("POST", f"/api/jobs/{identifier}/cancel")
    found = yaml.safe_load(copied(service, identifier, "yaml"))
    assert found["metadata"]["annotations"][names.ANNOTATION_TITLE] == spec_title(service, identifier)
    job = ImageJob.from_body(found | {"metadata": {"name": "x", "namespace": "default"}})
    assert job.spec.variants == service.worker.job(identifier).spec.variants
    assert not job.spec.cancel


def spec_title(service, identifier):
    return service.client.job(identifier).json()["name"]


@pytest.mark.parametrize("form", CopyAs)
def test_with_keys_the_key_comes_from_a_variable_and_a_list_is_left_to_the_reader(form):
    job = ImageJob(JobKey("default", "j"), Spec(manifest=Manifest("uploads/j1/manifest.jsonl", 3)))
    text = render(job, form, "https://images.example.org", with_keys=True)
    assert text.startswith(("# The list of images", "# imagejobs resize sends", "from os import environ"))
    assert form is CopyAs.PYTHON or "The list of images" in text
    assert "uploads/j1" not in text
    assert form is CopyAs.YAML or "IMAGEJOBS_KEY" in text
    if form is CopyAs.PYTHON:
        compile(text, "copied", "exec")


@pytest.mark.parametrize("form", [CopyAs.CURL, CopyAs.CLI])
def test_names_of_files_are_never_run(form, tmp_path):
    uploads = {names.ANNOTATION_UPLOADS: "uploads/j1/"}
    job = ImageJob(JobKey("default", "j"), Spec((Item(NASTY, "uploads/j1/0"),)), annotations=uploads)
    text = render(job, form, "http://127.0.0.1:1", with_keys=False)
    subprocess.run(["sh", "-c", text], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", "/copy"])
def test_another_form_is_refused(service, place):
    answer = service.client.get(f"/api/jobs/{service.client.job_id()}{place}", **{"as": "perl"})
    assert (answer.status_code, fault_names(answer)) == (400, ["as"])


@pytest.mark.parametrize("form", CopyAs)
def test_an_address_of_its_own_answers_with_the_same_text(service, form):
    identifier = service.client.job_id()
    answer = service.client.get(f"/api/jobs/{identifier}/copy", **{"as": form})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == copied(service, identifier, form)


def test_curl_is_the_usual_form(service):
    identifier = service.client.job_id()
    assert service.client.get(f"/api/jobs/{identifier}/copy").text == copied(service, identifier, "curl")


def test_there_is_nothing_to_copy_of_a_job_that_does_not_exist(service):
    assert service.client.get("/api/jobs/absent/copy").status_code == 404
