"""What is wrong is refused with a stable code, all faults at once, and leaves neither a job nor an object."""

import json

import pytest

from support.api import forms
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually

TEXT = b"just some words, long enough to be looked at: nobody would call this a picture at all"
IMAGE = forms.file("image", JPEG)


@pytest.fixture(scope="module")
def strict(service):
    """An API beside the service's that allows little."""
    limits = {
        "MAX_FILE_BYTES": "3000",
        "MAX_BATCH_FILES": "3",
        "MAX_BATCH_BYTES": "8000",
        "REDIS_URL": service.environ["REDIS_URL"][:-1] + "1",
    }
    api = Api(service.environ | limits)
    yield api
    api.stop()


@pytest.fixture
def untouched(service):
    """Hold that a test adds no job and no upload."""
    before = (len(service.worker.jobs()), service.keys("uploads/"))
    yield
    assert (len(service.worker.jobs()), service.keys("uploads/")) == before


CASES = {
    "no form": (b"{}", {"headers": {"Content-Type": "application/json"}}, 415, "unsupported_media_type"),
    "no type": (b"abc", {"headers": {}}, 415, "unsupported_media_type"),
    "no boundary": (
        forms.body(IMAGE),
        {"headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed_request",
    ),
    "long boundary": (
        b"",
        {"headers": {"Content-Type": f"multipart/form-data; boundary={'x' * 71}"}},
        400,
        "malformed_request",
    ),
    "other boundary": (
        forms.body(IMAGE),
        {"headers": {"Content-Type": "multipart/form-data; boundary=other"}},
        400,
        "malformed_request",
    ),
    "empty body": (b"", {}, 400, "malformed_request"),
    "no image": ([forms.field("width", "4")], {}, 400, "missing_image"),
    "browser without a file": ([forms.file("image", b"", "")], {}, 400, "missing_image"),
    "text in place of a file": ([forms.field("image", "@photo.jpg")], {}, 400, "invalid_options"),
    "text file": ([forms.file("image", TEXT, "photo.jpg")], {}, 415, "not_an_image"),
    "html called a png": (
        [forms.file("image", b"<!doctype html>" + TEXT, "a.png", "image/png")],
        {},
        415,
        "not_an_image",
    ),
    "empty file": ([forms.file("image", b"")], {}, 415, "not_an_image"),
    "two images": ([IMAGE, IMAGE], {}, 400, "invalid_options"),
    "file in an option": ([IMAGE, forms.file("width", b"3", "w.txt")], {}, 400, "invalid_options"),
    "image in another field": ([forms.file("picture", JPEG)], {}, 400, "invalid_options"),
    "field without a name": ([IMAGE, forms.field("", "x")], {}, 400, "invalid_options"),
    "option in form and query": (
        [IMAGE, forms.field("width", "3")],
        {"path": "/api/resize?width=4"},
        400,
        "invalid_options",
    ),
    "option twice in the query": ([IMAGE], {"path": "/api/resize?width=4&width=4"}, 400, "invalid_options"),
    "unknown in the query": ([IMAGE], {"path": "/api/resize?wdith=4"}, 400, "invalid_options"),
    "long option": ([IMAGE, forms.field("width", "1" * 1025)], {}, 400, "invalid_options"),
    "option not in UTF-8": ([IMAGE, forms.field("fit", b"\xff\xfe")], {}, 400, "invalid_options"),
    "type not in ASCII": ([IMAGE.replace(b"image/jpeg", b"image/\xff")], {}, 400, "malformed_request"),
    "name of a batch": (
        [forms.file("images", JPEG), forms.field("name", "x")],
        {"path": "/api/batch"},
        400,
        "invalid_options",
    ),
    "many parts": ([forms.field(f"f{n}", "x") for n in range(500)], {}, 400, "malformed_request"),
    "huge part header": (
        [IMAGE.replace(b"Content-Type", b"X: " + b"y" * 10_000 + b"\r\nContent-Type")],
        {},
        400,
        "malformed_request",
    ),
    "no closing boundary": (IMAGE, {}, 400, "malformed_request"),
    "bad host": ([IMAGE], {"headers": forms.headers() | {"Host": "a b<c>"}}, 400, "malformed_request"),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", CASES)
def test_bad_requests(service, name):
    parts, more, status, code = CASES[name]
    answer = service.client.post_form(parts, **more)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert (problem["status"], answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.usefixtures("untouched")
def test_all_faults_are_told_at_once(service):
    wrong = {
        "width": "abc",
        "height": "16384",
        "quality": "0",
        "fit": "wide",
        "max_size": "1",
        "enlarge": "maybe",
        "colour": "red",
    }
    parts = [
        *(forms.field(name, value) for name, value in wrong.items()),
        forms.field("width", "3"),
        forms.file("thumbnail", JPEG),
    ]
    problem = service.client.post_form(parts).json()
    assert problem["code"] == "invalid_options"
    assert sorted(fault["where"] for fault in problem["errors"]) == sorted(
        [*wrong, "width", "thumbnail", "image"]
    )
    assert {"where": "height", "what": "'16384' is not a whole number from 1 to 16383"} in problem["errors"]


@pytest.mark.usefixtures("untouched")
def test_contradictions_are_faults(service):
    parts = [
        IMAGE,
        forms.field("fit", "cover"),
        forms.field("width", "4"),
        forms.field("max_size", "9kB"),
        forms.field("format", "png"),
    ]
    assert [fault["where"] for fault in service.client.post_form(parts).json()["errors"]] == [
        "fit",
        "max_size",
    ]


@pytest.mark.usefixtures("untouched")
def test_a_file_over_the_limit_is_refused(service, strict):
    answer = service.client.at(strict.url).post_form([forms.file("image", JPEG * 3)])
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        413,
        "file_too_large",
        "The file is larger than 3000 bytes.",
    )


def test_a_file_at_the_limit_is_taken(service, strict):
    assert (
        service.client.at(strict.url).post_form([forms.file("image", (JPEG * 3)[:3000])]).status_code == 200
    )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(service, strict, chunked):
    content = forms.body(forms.file("image", JPEG), forms.file("x", bytes(1_100_000)))
    answer = service.client.at(strict.url).post_form(iter([content]) if chunked else content)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert chunked or answer.headers["Connection"] == "close"  # of a chunked body all may have been read


@pytest.mark.usefixtures("untouched")
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(strict, service):
    head = forms.request_head("/api/resize", forms.headers(10**9) | {"Expect": "100-continue"})
    with forms.connection(strict.port) as connection:
        connection.sendall(head)
        assert forms.answer(connection).status == 413


@pytest.mark.usefixtures("untouched")
def test_a_refusal_reaches_a_client_that_sends_on(service, strict):
    head = forms.request_head("/api/resize", forms.headers(30_000_000))
    with forms.connection(strict.port) as connection:
        connection.sendall(head)
        for _ in range(30):
            connection.sendall(bytes(1_000_000))
        assert forms.answer(connection).status == 413


@pytest.mark.usefixtures("untouched")
def test_too_many_files_are_refused(service, strict):
    answer = service.client.at(strict.url).post_form(
        [forms.file("images[]", JPEG) for _ in range(4)], "/api/batch"
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        413,
        "payload_too_large",
        "There are more than 3 files.",
    )


def test_a_file_of_a_batch_that_is_too_large_is_its_own_error_only(service, strict):
    # The worker comes to the same verdict by the object's size: one byte more than the limit was kept.
    parts = [forms.file("images[]", JPEG), forms.file("images[]", JPEG * 5), forms.file("images[]", JPEG)]
    entries = service.client.at(strict.url).post_form(parts, "/api/batch").json()["image_jobs"]
    assert [each["error"] and each["error"]["code"] for each in entries] == [None, "file_too_large", None]
    sizes = [
        service.s3_client.head_object(Bucket=service.s3.bucket, Key=item.key)["ContentLength"]
        for item in _items(service, entries)
    ]
    assert sizes == [1028, 3001, 1028]


def test_a_full_queue_refuses_before_the_body_is_read(service, valkey_server):
    import redis

    with redis.Redis(port=valkey_server.ports["redis"], db=2) as client:
        client.xadd("ij:tasks", {"task": "x"})
    full = Api(
        service.environ | {"MAX_QUEUED_IMAGES": "1", "REDIS_URL": service.environ["REDIS_URL"][:-1] + "2"}
    )
    try:
        head = forms.request_head("/api/resize", forms.headers(10**6) | {"Expect": "100-continue"})
        with forms.connection(full.port) as connection:
            connection.sendall(head)
            answer = forms.answer(connection)
            assert (answer.status, answer.headers["Retry-After"], json.load(answer)["code"]) == (
                429,
                "5",
                "queue_full",
            )
    finally:
        full.stop()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("sent", [0.2, 0.6, 0.99])
def test_a_body_that_is_cut_leaves_neither_job_nor_object(service, sent):
    content = forms.body(
        forms.file("images", JPEG * 40), forms.file("images", JPEG * 200), forms.field("width", "9")
    )
    with forms.connection(service.api.port) as connection:
        connection.sendall(
            forms.request_head("/api/batch", forms.headers(len(content)))
            + content[: int(sent * len(content))]
        )
        eventually(lambda: sent < 0.3 or _is_uploading(service))
    eventually(lambda: not _is_uploading(service), seconds=5)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/progress/nope", 404, "not_found"),
        ("GET", "/api/progress/..%2F..%2Fetc", 404, "not_found"),
        ("GET", "/api/progress/" + "x" * 3000, 404, "not_found"),
        ("GET", "/api/download/nope-3", 404, "not_found"),
        ("GET", "/api/resize", 405, "method_not_allowed"),
        ("DELETE", "/api/progress/x", 405, "method_not_allowed"),
        ("BREW", "/api/resize", 400, "malformed_request"),
    ],
)
def test_what_is_not_there_is_said_in_the_same_form(service, method, path, status, code):
    answer = service.http.request(method, path)
    if method == "BREW":  # the server's own parser knows no such method
        assert answer.status_code == status
        return
    assert (answer.status_code, answer.json()["code"], answer.headers["Content-Type"]) == (
        status,
        code,
        "application/problem+json",
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (forms.body(IMAGE)[:-10], "ends before its last boundary"),
        (
            forms.body(IMAGE.replace(b"Content-Type", b"X: " + b"y" * 10_000 + b"\r\nContent-Type")),
            "headers of a part",
        ),
        (forms.body(IMAGE, *[forms.field(f"f{n}", "x") for n in range(500)]), "more parts than"),
        (
            forms.body(IMAGE.replace(b"Content-Type", b"Content-Transfer-Encoding: base64\r\nContent-Type")),
            "Content-Transfer-Encoding",
        ),
    ],
    ids=["cut", "part header", "many parts", "base64"],
)
def test_what_is_wrong_with_a_form_is_said_in_words_of_its_sender(service, content, told):
    assert told in service.client.post_form(content).json()["detail"]


def test_an_address_says_which_methods_it_takes(service):
    answer = service.http.get("/api/resize")
    assert (answer.json()["detail"], answer.headers["Allow"]) == (
        "This address takes POST, OPTIONS.",
        "POST, OPTIONS",
    )


def test_a_second_image_is_sent_to_the_batch_and_a_format_to_all_that_there_are(service):
    assert "/api/batch" in service.client.post_form([IMAGE, IMAGE]).json()["errors"][0]["what"]
    assert service.client.post_form([IMAGE, forms.field("format", "heic")]).json()["errors"] == [
        {"where": "format", "what": "'heic' is not one of jpeg png webp avif gif tiff auto"}
    ]
    assert (
        "auto"
        not in service.http.post("/api/jobs", json={"prefix": "x/", "variants": [{"format": "heic"}]}).json()[
            "errors"
        ][0]["what"]
    )


def test_an_address_that_does_not_exist_is_not_taken_for_an_id(service):
    assert "/api/resize" in service.http.get("/nowhere").json()["detail"]
    assert "address" not in service.http.get("/api/progress/nope").json()["detail"]


def test_options_tells_the_methods(service):
    answer = service.http.options("/api/resize")
    assert (answer.status_code, answer.headers["Allow"]) == (200, "POST")


def test_nothing_tells_which_server_answers(service):
    assert "Server" not in service.http.get("/healthz").headers


def test_an_error_inside_is_not_shown(service):
    answer = service.http.get("/api/progress/x?a=%ff%00")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_a_broken_image_can_be_sent_again_and_fails_the_same(service):
    codes = {service.client.post_form([forms.file("image", JPEG + BROKEN)]).json()["code"] for _ in range(2)}
    assert codes == {"corrupt_image"}


def _is_uploading(service):
    jobs = {job.key.name for job in service.worker.jobs()}
    return [key for key in service.keys("uploads/") if key.split("/")[1] not in jobs]


def _items(service, entries):
    return service.worker.job(entries[0]["job_id"].rsplit("-", 1)[0]).spec.items
