"""An address with a slash behind it is the same address: clients and proxies add one."""

import httpx2
import pytest

from support.api import forms
from support.api.forms import JPEG

FORM = forms.body(forms.file("image", JPEG), forms.field("width", "40"))


@pytest.mark.parametrize("path", ["/docs/", "/healthz/", "/api/jobs/", "/api/openapi.json/"])
def test_an_address_with_a_slash_behind_it_is_read(service, path):
    assert service.http.get(path).status_code == 200


def test_images_are_taken_there_too_and_asked_for(service):
    answer = service.http.post("/api/resize/", content=FORM, headers=forms.headers())
    assert (answer.status_code, answer.json()["state"]) == (200, "Succeeded")
    name = answer.json()["job_id"]
    for path in (f"/api/jobs/{name}/", f"/api/progress/{name}/", f"/api/jobs/{name}/results/"):
        assert service.http.get(path).status_code == 200, path
    assert service.http.head(f"/api/download/{name}/").status_code == 307


def test_a_repeated_request_is_the_same_with_and_without_the_slash(service):
    def post(path: str) -> httpx2.Response:
        headers = forms.headers() | {"Idempotency-Key": "slash"}
        return service.http.post(path, content=FORM, headers=headers)

    assert post("/api/resize/").json()["job_id"] == post("/api/resize").json()["job_id"]


@pytest.mark.parametrize("path", ["/api/jobs//", "/api//jobs", "/api/"])
def test_other_empty_parts_are_no_address(service, path):
    assert service.http.get(path).status_code == 404
