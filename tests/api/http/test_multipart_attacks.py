"""Known attacks on form parsers (CVEs of python-multipart and Werkzeug), and hostile file names."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import falcon
import pytest
from falcon.media import MultipartFormHandler

from imagejobs_api.http.multipart import FormBody
from support.api import forms
from support.api.forms import BOUNDARY, JPEG
from support.api.process import Api

MIB = 2**20
IMAGE = forms.file("image", JPEG)
LINE = f"--{BOUNDARY}".encode()
CHUNK_BYTES = 64 * 1024


def post(api: Api, content: bytes, path: str = "/api/resize", **headers: str) -> int:
    """Return the status."""
    with forms.connection(api.port) as connection:
        connection.sendall(forms.request_head(path, forms.headers(len(content)) | headers) + content)
        return forms.answer(connection).status


FLOODS = {
    "line ends before the form": (b"\r\n" * (4 * MIB), 400),
    "carriage returns": (b"\r" * (8 * MIB), 400),
    "almost boundaries": (b"\r\n--" * (2 * MIB), 400),
    "almost our boundary": (LINE[:-1] * (8 * MIB // len(LINE)), 400),
    "line ends inside a file": (
        forms.body(forms.file("image", b"\xff\xd8\xff\xe0" + b"\r\n" * (4 * MIB))),
        200,
    ),
    "almost boundaries inside a file": (
        forms.body(forms.file("image", b"\xff\xd8\xff\xe0" + (b"\r\n" + LINE[:-1]) * (4 * MIB // len(LINE)))),
        200,
    ),
    "a preamble": (b"x" * (4 * MIB) + b"\r\n" + forms.body(IMAGE), 200),
    "an epilogue": (forms.body(IMAGE) + b"x" * (4 * MIB), 200),
    "line ends as an epilogue": (forms.body(IMAGE) + b"\r\n" * (2 * MIB), 200),
    "50,000 parts": (forms.body(*[forms.field("a", "b")] * 50_000), 400),
    "1 MB of part headers": (
        forms.body(IMAGE.replace(b"Content-Type", b"X-A: " + b"y" * MIB + b"\r\nContent-Type")),
        400,
    ),
    "many part headers": (
        forms.body(IMAGE.replace(b"Content-Type", b"X-A: y\r\n" * 5000 + b"Content-Type")),
        400,
    ),
    "semicolons": (
        forms.body(IMAGE.replace(b'filename="photo.jpg"', b";" * 7000)),
        200,
    ),  # a file without a name
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_soon_and_holds_nothing(service, name):
    content, expected = FLOODS[name]
    before = service.api.memory()
    assert post(service.api, content) == expected
    assert service.api.memory() - before < 40 * MIB


async def parse(content: bytes) -> None:
    """Read a body as a form, as far as it is one."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]

    body = chunks()
    with suppress(falcon.HTTPError):
        form = await MultipartFormHandler().deserialize_async(
            FormBody(body), forms.headers()["Content-Type"], None
        )
        async for part in form:
            async for _ in part.stream:
                pass
        async for _ in body:
            pass


def calls_of(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Return how many functions the work calls, in Python and in C."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def profiled() -> None:
        sys.setprofile(count)
        try:
            await work()
        finally:
            sys.setprofile(None)

    asyncio.run(profiled())
    return calls


@pytest.mark.parametrize("name", FLOODS)
def test_the_work_for_a_flood_grows_with_its_chunks_not_with_its_bytes(name):
    content, _ = FLOODS[name]
    chunks = len(content) // CHUNK_BYTES + 1
    parts = MultipartFormHandler().parse_options.max_body_part_count
    assert calls_of(lambda: parse(content)) <= 16 * chunks + 100 * parts


def test_a_length_within_a_part_is_not_believed(service):
    lying = IMAGE.replace(b"Content-Type", b"Content-Length: -5\r\nContent-Type")
    assert post(service.api, forms.body(lying)) == 200


def test_a_query_of_semicolons_is_one_unknown_option(service):
    answer = service.http.post(
        "/api/resize?" + ";" * 20_000, content=forms.body(IMAGE), headers=forms.headers()
    )
    assert answer.status_code in (200, 400)


NAMES = [
    "käse 写真 🖼.jpg", 'a"b.jpg', "a/b.jpg", "..\\..\\x.jpg", "../../../etc/passwd", ".", "..", "con.jpg",
    "a%00b.jpg", "a\tb.jpg",
    "x" * 5000 + ".jpg",
    "photo.jpg; name=other", "\u202egpj.exe", " ", "-rf", "a\u0301.jpg", "<script>alert(1)</script>.jpg",
    "a\\", "'", "%2e%2e%2f.jpg",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_a_name_is_never_more_than_a_name(service, name):
    content = forms.body(forms.file("image", JPEG, name.replace("\\", "\\\\").replace('"', "%22")))
    answer = service.http.post("/api/resize", content=content, headers=forms.headers())
    if (
        answer.status_code == 400
    ):  # only what no header can hold, or is longer than all headers of a part may be
        assert len(name) > 1000 or "\t" in name
        return
    identifier = answer.json()["job_id"]
    (rest,) = service.outputs(identifier)
    assert not {"", ".", ".."} & set(rest.split("/"))  # folders below the job's own are kept, see ADR 3
    given = service.http.get(answer.json()["download_url"]).headers["Content-Disposition"]
    assert given.startswith("inline; filename")
    assert not set("\r\n\u202e") & set(given)
    assert [
        each["Key"]
        for each in service.s3_client.list_objects_v2(Bucket=service.s3.bucket, Prefix="etc/").get(
            "Contents", []
        )
    ] == []


OLD_CLIENTS = {
    "Apache HttpClient 4": b"Content-Type: text/plain; charset=ISO-8859-1\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n",
    "mail": b"content-transfer-encoding:7Bit\r\n",
    "binary": b"Content-Transfer-Encoding: binary\r\n",
    "no space": b"X-Any:thing\r\n",
}


@pytest.mark.parametrize("client", OLD_CLIENTS)
@pytest.mark.parametrize("path", ["/api/resize", "/api/upload-from-url"])
def test_parts_of_old_clients_are_read_as_they_are(service, client, path):
    extra = OLD_CLIENTS[client]
    image = (
        forms.file("image", JPEG)
        if path == "/api/resize"
        else forms.field("url", "https://images.example.org/absent/b.jpg")
    )
    content = forms.body(forms.field("width", "0"), image)
    content = content.replace(
        b"Content-Disposition: form-data; ",
        b"Content-Disposition:form-data;" if client == "no space" else b"Content-Disposition: form-data; ",
    )
    content = content.replace(b'name="width"\r\n', b'name="width"\r\n' + extra)
    answer = service.http.post(path, content=content, headers=forms.headers())
    assert answer.json()["errors"] == [
        {"where": "width", "what": "'0' is not a whole number from 1 to 16383"}
    ]


def test_a_part_in_base64_is_refused(service):
    content = forms.body(forms.file("image", JPEG)).replace(
        b"Content-Type", b"Content-Transfer-Encoding: base64\r\nContent-Type"
    )
    assert (
        service.http.post("/api/resize", content=content, headers=forms.headers()).json()["code"]
        == "malformed_request"
    )


@pytest.mark.parametrize(
    "header",
    [
        "filename*=UTF-8''..%2Fx.jpg",
        "filename=a.jpg; filename*=UTF-8''b%0d%0aX-A:%20c.jpg",
        "filename*=utf-9''a",
    ],
)
def test_extended_names_smuggle_nothing(service, header):
    answer = service.http.post(
        "/api/resize",
        content=forms.body(IMAGE.replace(b'filename="photo.jpg"', header.encode())),
        headers=forms.headers() | {"Prefer": "wait=10"},
    )
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        link = service.http.get(answer.json()["download_url"])
        assert "X-A" not in link.headers
