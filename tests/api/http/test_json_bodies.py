"""JSON bodies: what is wrong with one is said where it is, and nothing of one is lost."""

import gzip

import pytest

from support.api import forms
from support.api.forms import JPEG

JSON = {"Content-Type": "application/json"}


def post(service, content: bytes, path: str = "/api/jobs", **headers: str):
    return service.http.post(
        path,
        content=content,
        headers=JSON | {name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"  ", "line 1, column 3"),
        (b'{"items": [],\n "variants": [}', "line 2, column 15"),
        (b'{"prefix": "photos/"} and more', "line 1, column 23: Extra data"),
        (b'{"name": "\xff"}', "not UTF-8 from byte 10 on"),
        (b'{"max_failed_items": NaN}', "a number that is none"),
        (b'{"max_failed_items": -Infinity}', "a number that is none"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "a bracket", "a tail", "another encoding", "nan", "infinity", "deep"],
)
def test_what_is_no_json_is_told_by_its_place(service, content, told):
    for path in ("/api/jobs", "/api/upload-from-url", "/api/uploads"):
        answer = post(service, content, path)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
        assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'{"prefix": "photos/", "prefix": "secret/"}', "prefix"),
        (b'{"prefix": "photos/", "variants": [{"width": 1, "name": "a", "width": 2}]}', "width"),
    ],
    ids=["of the request", "of a variant"],
)
def test_a_name_that_stands_twice_is_a_fault_as_it_is_in_a_form(service, content, where):
    answer = post(service, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert answer.json()["errors"] == [{"where": where, "what": "is given more than once"}]


@pytest.mark.parametrize("path", ["/api/jobs", "/api/upload-from-url", "/api/uploads"])
def test_a_compressed_body_is_refused_as_what_it_is(service, path):
    answer = post(service, gzip.compress(b"{}"), path, Content_Encoding="gzip")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding" in answer.json()["detail"]
    assert (
        post(service, b'{"files": [{"size": 5}]}', "/api/uploads", Content_Encoding="identity").status_code
        == 200
    )


def test_a_compressed_form_is_refused_too(service):
    content, headers = (
        gzip.compress(forms.body(forms.file("image", JPEG))),
        forms.headers() | {"Content-Encoding": "gzip"},
    )
    answer = service.http.post("/api/resize", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
