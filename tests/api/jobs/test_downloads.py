"""GET /api/download/{id} and the names of files on their way through."""

import re
from urllib.parse import unquote

import pytest

from support.api import forms
from support.api.client import ASYNC, WAIT, fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.clock.waiting import eventually

PASSING_HEADERS = ("date", "x-request-id", "ratelimit")


def sent_name(response) -> str:
    """Return the file name that a browser would save under (RFC 6266)."""
    disposition = response.headers["Content-Disposition"]
    extended = re.search(r"filename\*=UTF-8''([^;]+)", disposition)
    return (
        unquote(extended[1])
        if extended
        else re.search(r'filename="((?:[^"\\]|\\.)*)"', disposition)[1].replace('\\"', '"')
    )


def test_a_download_redirects_to_a_link_that_is_signed_now(service):
    identifier = service.client.job_id()
    answer = service.http.get(f"/api/download/{identifier}")
    assert (answer.status_code, answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == (
        307,
        "no-store",
        "no-referrer",
    )
    link = answer.headers["Location"]
    assert link.startswith(service.s3.endpoint)
    assert "X-Amz-Expires=3600" in link
    assert service.http.get(link).headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("query", "kind"),
    [("", "inline"), ("?attachment=true", "attachment"), ("?attachment=", "inline"), ("?x=1", "inline")],
    ids=["shown", "saved", "empty", "another query"],
)
def test_a_download_is_shown_by_browsers_or_saved_as_asked(service, query, kind):
    link = service.http.get(f"/api/download/{service.client.job_id()}{query}").headers["Location"]
    assert service.http.get(link).headers["Content-Disposition"].startswith(f"{kind}; filename=")


def test_another_kind_of_download_is_refused(service):
    answer = service.http.get(f"/api/download/{service.client.job_id()}?attachment=perhaps")
    assert (answer.status_code, fault_names(answer)) == (400, ["attachment"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/download/{id}",
        "/api/progress/{id}",
        "/api/jobs/{id}",
        "/api/jobs/{id}/results",
        "/api/jobs/{id}/archive",
        "/api/jobs",
        "/api/jobs/jabsent",
        "/docs",
        "/healthz",
    ],
)
def test_head_is_answered_like_get(service, path):
    path = path.format(id=service.client.job_id())
    get, head = service.http.get(path), service.http.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert lasting_headers(head) == lasting_headers(get)


def lasting_headers(answer) -> dict[str, str]:
    """Return the headers without those that differ with each request; a signed link changes each second."""
    headers = {name: value for name, value in answer.headers.items() if name not in PASSING_HEADERS}
    return headers | {"location": headers["location"].partition("?")[0]} if "location" in headers else headers


@pytest.mark.parametrize(
    ("file_name", "saved"),
    [
        ("large.jpg", "large.webp"),
        ("été à la mer.jpg", "été à la mer.webp"),
        ("写真.jpeg", "写真.webp"),
        ("holiday/day 1/a.jpg", "a.webp"),
        ("C:\\fakepath\\b.png", "b.webp"),
        ("semi;colon, comma.jpg", "semi;colon, comma.webp"),
        ("no-extension", "no-extension.webp"),
        ("../../etc/passwd", "passwd.webp"),
        ("v1.2.tar.jpg", "v1.2.tar.webp"),
        ("100% of it.jpg", "100% of it.webp"),
    ],
)
def test_names_come_back_as_they_were(service, file_name, saved):
    body = service.client.post_image(file_name=file_name, format="webp").json()
    response = service.http.get(body["download_url"])
    assert (response.status_code, sent_name(response), response.headers["Content-Type"]) == (
        200,
        saved,
        "image/webp",
    )


def test_a_quotation_mark_in_a_name_does_not_end_the_header(service):
    content = forms.body(forms.file("image", JPEG, "6%22 pipe.jpg"))
    body = service.http.post("/api/resize", content=content, headers=forms.headers()).json()
    response = service.http.get(body["download_url"])
    assert (response.status_code, sent_name(response)) == (200, '6" pipe.jpg')


def test_control_characters_in_a_name_are_dropped(service):
    content = forms.body(forms.file("image", JPEG, "a\tb\x7f.jpg"))
    body = service.http.post("/api/resize", content=content, headers=forms.headers()).json()
    assert sent_name(service.http.get(body["download_url"])) == "ab.jpg"


def test_the_option_name_names_the_result(service):
    body = service.client.post_image(name="Hero image.png", width=40).json()
    assert sent_name(service.http.get(body["download_url"])) == "Hero image.jpg"
    assert service.outputs(body["job_id"]) == ["Hero-image.jpg"]


def test_a_running_job_has_nothing_to_download_yet(service):
    service.worker.pause()
    identifier = service.client.job_id(headers=ASYNC)
    answer = service.http.get(f"/api/download/{identifier}")
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (409, "conflict", True)
    assert answer.headers["Retry-After"] == "1"


def test_an_image_of_a_running_batch_can_be_downloaded_when_it_is_done(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(("a.jpg", JPEG), ("b.jpg", JPEG), wait=False)
    # The fake worker puts the outcome on the board before it writes the status.
    service.client.wait_for_state(identifier, "Running")
    assert service.client.progress(identifier) == {
        "job_id": identifier, "state": "Running", "progress": 50, "total": 2, "done": 1, "failed": 0,
        "error": None,
    }  # fmt: skip
    assert [service.http.get(f"/api/download/{identifier}-{n}").status_code for n in range(3)] == [
        307,
        409,
        404,
    ]


def test_a_failed_image_gives_its_own_error(service):
    identifier = service.client.batch_id(("a.jpg", JPEG), ("b.jpg", JPEG + BROKEN))
    answer = service.http.get(f"/api/download/{identifier}-1")
    assert (answer.status_code, answer.json()["code"], answer.json()["job_id"]) == (
        422,
        "corrupt_image",
        f"{identifier}-1",
    )


def test_a_batch_points_to_its_images(service):
    identifier = service.client.batch_id(("a.jpg", JPEG), ("b.jpg", JPEG))
    answer = service.http.get(f"/api/download/{identifier}")
    assert (answer.status_code, answer.json()["retryable"]) == (409, False)
    assert fault_names(answer) == [f"{identifier}-0", f"{identifier}-1"]


def test_a_result_that_is_gone_has_expired(service):
    body = service.client.post_image().json()
    service.delete_object(service.keys(f"outputs/default.{body['job_id']}.")[0])
    answer = service.http.get(f"/api/download/{body['job_id']}")
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")


def test_the_images_of_a_larger_batch_are_found_in_the_result_lines_when_redis_forgot_them(
    service, valkey_server
):
    import redis

    files = [(f"{n}.jpg", JPEG + (BROKEN if n == 7 else b"")) for n in range(20)]
    entries = service.client.post_batch(files, headers=WAIT).json()["image_jobs"]
    with redis.Redis(port=valkey_server.ports["redis"]) as client:
        client.flushall()
    codes = [(service.http.get(each["progress_url"]).json()["error"] or {}).get("code") for each in entries]
    assert codes == ["corrupt_image" if n == 7 else None for n in range(20)]
    assert service.http.get(f"/api/download/{entries[19]['job_id']}").status_code == 307


def test_progress_does_not_go_backwards_when_redis_forgets(service, valkey_server):
    import redis

    service.worker.max_images = 2
    identifier = service.client.batch_id(JPEG, JPEG, JPEG, wait=False)
    eventually(lambda: service.client.progress(identifier)["progress"] == 66)
    service.worker.pause()
    with redis.Redis(port=valkey_server.ports["redis"]) as client:
        client.flushall()
    assert service.client.progress(identifier)["progress"] == 66


def test_links_name_the_host_that_was_asked_or_the_public_url(service):
    answer = service.client.post_image(
        headers={
            "Host": "images.localhost:8443",
            "Prefer": "respond-async",
            "X-Forwarded-Host": "evil.example",
        },
    )
    assert answer.json()["progress_url"].startswith("http://images.localhost:8443/api/progress/")


def test_head_works_through_to_s3(service):
    path = f"/api/download/{service.client.job_id()}"
    answer = service.http.head(service.http.head(path).headers["Location"])
    body = service.http.get(service.http.get(path).headers["Location"]).content
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(body))
