"""POST /api/upload-from-url: JSON and forms, one URL and several.

The fake worker takes a URL's path for the key of an object.
"""

import pytest

from support.api import forms
from support.api.client import WAIT, fault_names
from support.api.forms import JPEG, PNG

SITE = "https://images.example.org"
PHOTO = f"{SITE}/site/Big%20photo.jpg?width=3"


@pytest.fixture(scope="module", autouse=True)
def site(service):
    """Objects that stand for what a web server has."""
    for key, data in {
        "site/Big%20photo.jpg": JPEG,
        "site/b.png": PNG,
        "site/notes.txt": b"just words, no picture",
    }.items():
        service.put_object(key, data)


@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart", "query"])
def test_one_url_is_answered_like_a_resize(service, kind):
    fields = {"url": PHOTO, "width": 40}
    parts = forms.body(forms.field("url", PHOTO), forms.field("width", "40"))
    request = {"json": {"json": fields}, "urlencoded": {"data": fields}, "query": {"params": fields}}
    answer = service.http.post(
        "/api/upload-from-url", **request.get(kind, {"content": parts, "headers": forms.headers()})
    )
    body = answer.json()
    assert (answer.status_code, body["state"], body["width"], body["error"]) == (200, "Succeeded", 40, None)
    job = service.worker.job(body["job_id"])
    assert [(item.name, item.url, item.key) for item in job.spec.items] == [("Big photo.jpg", PHOTO, None)]
    assert {*job.annotations} == {"imagejobs.dev/sources", "imagejobs.dev/request-id"}


@pytest.mark.parametrize("scheme", ["HTTP", "Https"])
def test_a_scheme_in_capitals_is_the_same_scheme(service, scheme):
    url = f"{scheme}{PHOTO.removeprefix('https')}"
    assert service.client.post_urls({"url": url}).json()["state"] == "Succeeded"
    batch = service.client.post_urls({"urls": [url]}, headers=WAIT).json()
    job = service.client.post_job({"items": [{"url": url}]}, WAIT).json()
    assert [batch["state"], job["state"]] == ["Succeeded"] * 2
    items = [service.worker.job(each).spec.items[0] for each in (batch["batch_job_id"], job["job_id"])]
    assert [(item.name, item.url) for item in items] == [("Big photo.jpg", url)] * 2


def test_json_values_are_taken_as_they_are(service):
    answer = service.client.post_urls(
        {"url": PHOTO, "width": 40, "height": None, "enlarge": True, "max_size": 5000, "name": "hero.jpg"},
    )
    job = service.worker.job(answer.json()["job_id"])
    variant = {"name": "default", "width": 40, "enlarge": True, "maxSize": 5000}
    assert (job.to_body()["spec"]["variants"], job.spec.items[0].name) == ([variant], "hero.jpg")


def test_an_image_that_cannot_be_fetched_is_answered_with_its_error(service):
    answer = service.client.post_urls({"url": f"{SITE}/site/absent.jpg"})
    assert (answer.status_code, answer.json()["code"]) == (422, "source_not_found")


@pytest.mark.parametrize("kind", ["json", "urlencoded", "brackets", "multipart"])
def test_several_urls_are_answered_like_a_batch(service, kind):
    urls = [PHOTO, f"{SITE}/site/b.png", f"{SITE}/site/notes.txt"]
    parts = forms.body(*[forms.field("urls", each) for each in urls])
    request = {
        "json": {"json": {"urls": urls}},
        "urlencoded": {"data": {"urls": urls}},
        "brackets": {"data": {"urls[]": urls}},
    }
    answer = service.http.post(
        "/api/upload-from-url", **request.get(kind, {"content": parts, "headers": forms.headers()})
    )
    body = answer.json()
    assert (answer.status_code, body["experimental"]) == (202, True)
    assert [each["name"] for each in body["image_jobs"]] == ["Big photo.jpg", "b.png", "notes.txt"]


def test_urls_are_a_batch_even_if_there_is_one(service):
    answer = service.client.post_urls({"urls": [PHOTO]}, headers=WAIT)
    assert (answer.status_code, answer.json()["state"], len(answer.json()["image_jobs"])) == (
        200,
        "Succeeded",
        1,
    )


def test_of_several_urls_one_that_is_refused_has_its_error_at_once(service):
    service.worker.pause()
    body = service.client.post_urls(
        {"urls": [PHOTO, "http://me:secret@example.org/a.jpg", "http://10.1/b.jpg"]}
    ).json()
    assert [each["state"] for each in body["image_jobs"]] == ["Pending", "Failed", "Failed"]
    assert [each["error"]["code"] for each in body["image_jobs"][1:]] == ["source_forbidden"] * 2


REFUSED = [
    "ftp://example.org/a.jpg",
    "file:///etc/passwd",
    "http://me:secret@example.org/",
    "a.jpg",
    "http://",
    "http://[fe80::1%25eth0]/",
    "http://a:99999/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2130706433/",
    "http://0x7f.1/a.jpg",
    "http://[::ffff:10.0.0.1]/a.jpg",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://localhost:8080/a.jpg",
    "FTP://example.org/a.jpg",
    "HTTP://me:secret@example.org/",
    "HTTP://127.0.0.1/a.jpg",
    "Https://169.254.169.254/latest/meta-data/",
    "https://images.example.org:22/a.jpg",
]


@pytest.mark.parametrize("url", REFUSED)
def test_one_url_that_the_address_guard_refuses_unseen_is_refused_at_once(service, url):
    before = len(service.worker.jobs())
    answer = service.client.post_urls({"url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert fault_names(answer) == ["url"]
    assert len(service.worker.jobs()) == before


MANY_REFUSED = {"urls": ["http://me@example.org/", "http://me:secret@example.org/"]}
BAD = {
    "nothing": ({"json": {}}, 400, "missing_image", ["url"]),
    "no body": ({}, 400, "missing_image", ["url"]),
    "no urls": ({"json": {"urls": []}}, 400, "missing_image", ["url"]),
    "both": ({"json": {"url": PHOTO, "urls": [PHOTO]}}, 400, "invalid_options", ["url"]),
    "twice": ({"data": {"url": [PHOTO, PHOTO]}}, 400, "invalid_options", ["url"]),
    "body and query": ({"json": {"url": PHOTO}, "params": {"url": PHOTO}}, 400, "invalid_options", ["url"]),
    "no text": (
        {"json": {"urls": [PHOTO, 7, {}, ""]}},
        400,
        "invalid_options",
        ["urls[1]", "urls[2]", "urls[3]"],
    ),
    "half a pair": (
        {"content": b'{"url": "http://a/\\ud800"}', "headers": {"Content-Type": "application/json"}},
        400,
        "invalid_options",
        ["url"],
    ),
    "too long": ({"json": {"url": f"{SITE}/{'a' * 2048}"}}, 400, "invalid_options", ["url"]),
    "with a space": ({"json": {"url": f"{SITE}/a b.jpg"}}, 400, "invalid_options", ["url"]),
    "no http among several": ({"json": {"urls": [PHOTO, "ftp://a/b"]}}, 400, "invalid_options", ["urls[1]"]),
    "all refused": ({"json": MANY_REFUSED}, 400, "invalid_options", ["urls[0]", "urls[1]"]),
    "name of several": ({"json": {"urls": [PHOTO], "name": "x"}}, 400, "invalid_options", ["name"]),
    "too many": ({"json": {"urls": [PHOTO] * 65}}, 413, "payload_too_large", []),
    "options": (
        {"json": {"url": PHOTO, "width": [], "fit": {}, "colour": 1}},
        400,
        "invalid_options",
        ["colour", "width", "fit"],
    ),
    "a file": ({"files": {"url": ("a.jpg", JPEG)}}, 400, "invalid_options", ["url", "url"]),
    "no object": ({"json": [PHOTO]}, 400, "malformed_request", []),
    "no JSON": (
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_request",
        [],
    ),
    "deep JSON": (
        {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_request",
        [],
    ),
    "many fields": ({"data": {f"f{n}": "x" for n in range(200)}}, 400, "malformed_request", []),
    "other type": (
        {"content": PHOTO, "headers": {"Content-Type": "text/plain"}},
        415,
        "unsupported_media_type",
        [],
    ),
    "no boundary": (
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed_request",
        [],
    ),
    "large": (
        {"content": b" " * (2**20 + 1), "headers": {"Content-Type": "application/json"}},
        413,
        "payload_too_large",
        [],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(service, name):
    more, status, code, where = BAD[name]
    before = len(service.worker.jobs())
    answer = service.http.post("/api/upload-from-url", **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert fault_names(answer) == where
    assert len(service.worker.jobs()) == before
