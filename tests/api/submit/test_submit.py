"""POST /api/resize and /api/batch against a real server, store, Redis and S3, with a fake worker."""

import sys
import time

import pytest

from support.api import forms
from support.api.client import ASYNC, WAIT, fault_names
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG, PNG
from support.api.process import Api
from support.clock.waiting import eventually

ANSWER = {
    "job_id",
    "state",
    "progress_url",
    "watch_url",
    "download_url",
    "width",
    "height",
    "format",
    "bytes",
    "error",
}
ANSWER |= {"kept_original"}
TEXT = b"just some words, long enough to be looked at: nobody would call this a picture at all"

LISTENING = """
from imagejobs_api.progress import waiting
waiting.POLL_SECONDS = 3600.0
from imagejobs_api.__main__ import main
main()
"""


class ListeningApi(Api):
    """The API, which looks into no store while it waits: only what is announced ends a wait."""

    command = (sys.executable, "-c", LISTENING)


def test_a_resize_is_answered_with_the_finished_images_facts(service):
    answer = service.client.post_image(width=400, quality=80)
    body = answer.json()
    assert (answer.status_code, set(body)) == (200, ANSWER)
    assert (body["state"], body["width"], body["height"], body["format"], body["error"]) == (
        "Succeeded",
        400,
        300,
        "jpeg",
        None,
    )
    assert body["progress_url"] == f"{service.api.url}/api/progress/{body['job_id']}"
    result = service.http.get(body["download_url"])
    assert (result.text, len(result.content)) == ("400xNone of 1028 bytes", body["bytes"])
    assert result.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"


def test_options_stand_in_the_job_as_they_were_asked_for(service):
    answer = service.client.post_image(
        width=40,
        height="30",
        fit="cover",
        gravity="north",
        max_size="200kB",
        format="webp",
        keep_metadata="on",
        enlarge="1",
    )
    spec = service.worker.job(answer.json()["job_id"]).to_body()["spec"]
    assert spec["variants"] == [
        {
            "name": "default", "width": 40, "height": 30, "fit": "cover", "gravity": "north", "enlarge": True,
            "format": "webp",
            "maxSize": 200_000, "keepMetadata": True,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["before", "after", "query"])
def test_options_may_come_before_or_after_the_file_or_in_the_query(service, where):
    option, image = forms.field("width", "77"), forms.file("image", JPEG)
    parts = {"before": [option, image], "after": [image, option], "query": [image]}[where]
    url = "/api/resize" + ("?width=77" if where == "query" else "")
    answer = service.http.post(url, content=forms.body(*parts), headers=forms.headers())
    assert (answer.status_code, answer.json()["width"]) == (200, 77)


def test_empty_options_count_as_not_given(service):
    assert service.client.post_image(width="", height=" ", quality="").status_code == 200


def test_respond_async_is_answered_at_once(service):
    service.worker.pause()
    answer = service.client.post_image(headers=ASYNC)
    body = answer.json()
    assert (answer.status_code, body["state"], body["width"], body["error"]) == (202, "Pending", None, None)
    assert answer.headers["Location"] == body["progress_url"]
    assert answer.headers["Preference-Applied"] == "respond-async"
    service.worker.resume()
    eventually(lambda: service.http.get(body["progress_url"]).json()["state"] == "Succeeded")
    redirect = service.http.get(body["download_url"])
    assert redirect.status_code == 307
    assert service.http.get(redirect.headers["Location"]).text.endswith("of 1028 bytes")


def test_a_wait_that_runs_out_is_answered_202(service):
    service.worker.pause()
    begin = time.monotonic()
    answer = service.client.post_image(headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=1")
    assert time.monotonic() - begin > 0.9


def test_an_answer_does_not_depend_on_an_announcement(service):
    service.worker.silent = True
    assert service.client.post_image().status_code == 200


def test_an_announcement_is_what_ends_the_wait(service):
    api = ListeningApi(service.environ)
    try:
        assert service.http.post(f"{api.url}/api/resize", files={"image": ("a.jpg", JPEG)}).status_code == 200
    finally:
        api.stop()


def test_an_image_that_fails_while_its_caller_waits_is_answered_with_its_error(service):
    answer = service.client.post_image(JPEG + BROKEN)
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert (problem["code"], problem["status"], problem["detail"]) == (
        "corrupt_image",
        422,
        "The image ends too early.",
    )
    assert (problem["retryable"], problem["type"]) == (False, "urn:imagejobs:error:corrupt_image")
    progress = service.client.progress(problem["job_id"])
    assert (progress["state"], progress["error"]["code"], progress["failed"]) == (
        "Failed",
        "corrupt_image",
        1,
    )


def test_format_auto_takes_the_best_that_accept_names(service):
    answer = service.client.post_image(format="auto", headers={"Accept": "image/avif,image/webp,*/*"})
    assert answer.json()["format"] == "avif"
    assert service.client.post_image(format="auto", headers={"Accept": "*/*"}).json()["format"] == "jpeg"


def test_a_batch_is_answered_at_once_with_a_sub_job_per_file(service):
    service.worker.pause()
    answer = service.client.post_batch([("one.jpg", JPEG), ("two.png", PNG)], width=400)
    body = answer.json()
    identifier = body["batch_job_id"]
    assert (answer.status_code, body["experimental"], body["state"]) == (202, True, "Pending")
    assert body["image_jobs"][1] == {
        "job_id": f"{identifier}-1",
        "name": "two.png",
        "state": "Pending",
        "download_url": f"{service.api.url}/api/download/{identifier}-1",
        "progress_url": f"{service.api.url}/api/progress/{identifier}-1",
        "kept_original": None,
        "error": None,
    }
    service.worker.resume()
    service.client.wait_for_state(identifier, "Succeeded")
    done = service.client.progress(f"{identifier}-1")
    assert done == {
        "job_id": f"{identifier}-1",
        "state": "Succeeded",
        "progress": 100,
        "total": 1,
        "done": 1,
        "failed": 0,
        "error": None,
    }


@pytest.mark.parametrize("field", ["images[]", "images"])
def test_a_batch_that_is_told_to_wait_is_answered_with_signed_links(service, field):
    answer = service.client.post_batch([("one.jpg", JPEG), ("two.png", PNG)], field=field, headers=WAIT)
    body = answer.json()
    assert (answer.status_code, body["state"], answer.headers["Preference-Applied"]) == (
        200,
        "Succeeded",
        "wait=20",
    )
    assert [
        service.http.get(each["download_url"]).headers["Content-Type"] for each in body["image_jobs"]
    ] == ["image/jpeg", "image/png"]


def test_a_photo_a_text_a_broken_jpeg_and_an_empty_file(service):
    service.worker.pause()
    files = [("photo.jpg", JPEG), ("notes.txt", TEXT), ("cut.jpg", JPEG + BROKEN), ("empty.jpg", b"")]
    body = service.client.post_batch(files).json()
    assert [each["error"] and each["error"]["code"] for each in body["image_jobs"]] == [
        None,
        "not_an_image",
        None,
        "not_an_image",
    ]
    assert [each["state"] for each in body["image_jobs"]] == ["Pending", "Failed", "Pending", "Failed"]
    service.worker.resume()
    identifier = body["batch_job_id"]
    final = eventually(lambda: (got := service.client.progress(identifier))["progress"] == 100 and got)
    assert (final["state"], final["total"], final["done"], final["failed"]) == ("PartiallySucceeded", 4, 1, 3)
    errors = [service.client.progress(f"{identifier}-{n}")["error"] for n in range(4)]
    assert [error and error["code"] for error in errors] == [
        None,
        "not_an_image",
        "corrupt_image",
        "not_an_image",
    ]


def test_a_batch_of_which_nothing_can_be_taken_is_refused_and_leaves_nothing(service):
    before = (len(service.worker.jobs()), service.keys("uploads/"))
    answer = service.client.post_batch([("a.txt", TEXT), ("b.jpg", b"")])
    assert (answer.status_code, answer.json()["code"]) == (415, "not_an_image")
    assert fault_names(answer) == ["images[0]", "images[1]"]
    assert "a.txt" in answer.json()["errors"][0]["what"]
    assert (len(service.worker.jobs()), service.keys("uploads/")) == before


def test_equal_names_in_a_batch_keep_their_results_apart(service):
    answer = service.client.post_batch([("a.jpg", JPEG), ("a.jpg", JPEG + b"x")], headers=WAIT)
    entries = answer.json()["image_jobs"]
    assert [each["name"] for each in entries] == ["a.jpg", "a-2.jpg"]
    assert [service.http.get(each["download_url"]).text[-10:] for each in entries] == [
        "1028 bytes",
        "1029 bytes",
    ]


def test_a_job_names_its_uploads_and_its_request(service):
    answer = service.client.post_batch([("a.jpg", JPEG), ("b.jpg", JPEG)])
    job = service.worker.job(answer.json()["batch_job_id"])
    assert job.annotations == {
        "imagejobs.dev/uploads": f"uploads/{job.key.name}/",
        "imagejobs.dev/sources": f'["uploads/{job.key.name}/"]',
        "imagejobs.dev/request-id": answer.headers["X-Request-ID"],
    }
    assert [item.key for item in job.spec.items] == [f"uploads/{job.key.name}/{n}" for n in range(2)]
    assert service.keys(f"uploads/{job.key.name}/") == [item.key for item in job.spec.items]


def test_a_client_that_leaves_frees_its_waiter_and_its_job_goes_on(service):
    service.worker.pause()
    body = forms.body(forms.file("image", JPEG))
    before = {job.key.name for job in service.worker.jobs()}
    with forms.connection(service.api.port) as connection:
        connection.sendall(
            forms.request_head("/api/resize", forms.headers(len(body)) | {"Prefer": "wait=60"}) + body
        )
        (name,) = eventually(lambda: {job.key.name for job in service.worker.jobs()} - before)
    eventually(
        lambda: [line for line in service.api.events("request") if line.get("job_id") == name], seconds=5
    )
    service.worker.resume()
    service.client.wait_for_state(name, "Succeeded")


def test_the_request_id_is_taken_over_cleaned_and_logged_with_the_job(service):
    answer = service.client.post_image(headers={"X-Request-ID": "order-17"})
    assert answer.headers["X-Request-ID"] == "order-17"
    line = eventually(
        lambda: [each for each in service.api.events("request") if each["request_id"] == "order-17"]
    )[0]
    assert (line["job_id"], line["path"], line["status"], line["method"]) == (
        answer.json()["job_id"],
        "/api/resize",
        200,
        "POST",
    )
    made = service.http.get("/healthz", headers={"X-Request-ID": 'a"b{}'}).headers["X-Request-ID"]
    assert len(made) == 16


def test_a_name_without_key_characters_does_not_collide_with_a_number(service):
    answer = service.client.post_batch([("1.jpg", JPEG), ("写真.jpg", JPEG + b"x")], headers=WAIT)
    assert answer.status_code == 200
    assert [service.http.get(each["download_url"]).text[-10:] for each in answer.json()["image_jobs"]] == [
        "1028 bytes",
        "1029 bytes",
    ]


def form_with(header: bytes) -> tuple[bytes, dict[str, str]]:
    part = b'--b\r\nContent-Disposition: form-data; name="image"; ' + header + b"\r\n\r\n"
    return part + JPEG + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'filename="caf\xe9.jpg"', "caf\xe9.jpg"),
        ('filename="caf\xe9.jpg"'.encode(), "caf\xe9.jpg"),
        (b"filename=\"a.jpg\"; filename*=utf-8''caf%C3%A9.jpg", "caf\xe9.jpg"),
        (b"filename=\"a.jpg\"; filename*=none-such''caf%C3%A9.jpg", "a.jpg"),
        (b"filename=\"a.jpg\"; filename*=utf-8''%FF.jpg", "a.jpg"),
        (b'filename="photos/2026/a.jpg"', "a.jpg"),
        (b'filename="C:\\\\photos\\\\a.jpg"', "a.jpg"),
    ],
    ids=["latin-1", "utf-8", "extended", "unknown charset", "not in its charset", "folders", "windows"],
)
def test_a_files_name_never_costs_the_picture(service, header, name):
    body, headers = form_with(header)
    answer = service.http.post("/api/resize?width=100", content=body, headers=headers | ASYNC)
    assert answer.status_code == 202
    results = service.http.get(f"/api/jobs/{answer.json()['job_id']}/results").json()["results"]
    assert results[0]["name"].endswith(name)


def test_a_picture_of_a_kind_that_is_not_read_is_named(service):
    answer = service.client.post_batch([("a.svg", b"<svg xmlns='x'/>"), ("b.jpg", b"")])
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_format")
    assert "SVG, which is not read; read are JPEG" in answer.json()["errors"][0]["what"]


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("batch", ("images[0]", "images[1]")), ("batch", ("files[]", "files[]")), ("batch", ("file", "file")),
        ("batch", ("images[]", "images[]")), ("resize", ("file",)), ("resize", ("files[]",)),
        ("resize", ("image[0]",)),
    ],
    ids=str,
)  # fmt: skip
def test_the_fields_of_usual_form_libraries_are_understood(service, call, fields):
    parts = [(field, (f"{n}.jpg", JPEG)) for n, field in enumerate(fields)]
    answer = service.client.request("POST", f"/api/{call}", ASYNC, files=parts, data={"width": "40"})
    assert answer.status_code == 202, answer.text


def test_uppy_with_its_defaults_works(service):
    """xhr-upload 6: the field is `file`, and beside it go three facts of the file."""
    data = {"relativePath": "null", "name": "photo.jpg", "type": "image/jpeg"}
    answer = service.client.request(
        "POST", "/api/resize", ASYNC, files=[("file", ("photo.jpg", JPEG))], data=data
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("options", "meant"),
    [({"w": 10}, "width"), ({"bg": "red"}, "background"), ({"fit": "crop"}, "cover")],
    ids=str,
)
def test_words_of_other_services_are_answered_with_ours(service, options, meant):
    answer = service.client.post_image(**options)
    assert (answer.status_code, fault_names(answer)) == (400, list(options))
    assert f"did you mean {meant}?" in answer.json()["detail"]


def test_words_of_other_services_are_answered_with_ours_in_a_list_of_results_too(service):
    answer = service.client.post_job(
        {"items": [{"url": "https://example.org/a.jpg"}], "variants": [{"w": 10}]}
    )
    assert answer.status_code == 400
    assert "did you mean width?" in answer.json()["detail"]
