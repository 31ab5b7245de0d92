"""Images that stand on a web server, over the whole stack: each ends with its result or its own error."""

import io
import zipfile
from collections.abc import Iterator

import pytest

from support.servers import local_stack
from support.servers.image_server import ImageSite, image_site

WAIT = {"Prefer": "wait=30"}
INSIDE = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.1/32", "MAX_FILE_BYTES": "400000"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_stack.LocalStack]:
    """A stack that may fetch from this machine."""
    with local_stack.running(
        tmp_path_factory.mktemp("sources") / "data", "--workers", "2", environ=INSIDE
    ) as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[ImageSite]:
    """A web server with a photo, something too large, and troubles."""
    with image_site() as site:
        site.bodies = {
            "/a/photo.jpg": local_stack.photo(),
            "/large.jpg": bytes(400_001),
            "/closed.jpg": 403,
            "/broken.jpg": 503,
            "/moved.jpg": 302,
        }
        yield site


def test_one_url_becomes_a_result(client, site):
    body = client.post_urls({"url": site.url("/a/photo.jpg"), "width": 200}, WAIT).json()
    assert (body["state"], body["width"], body["error"]) == ("Succeeded", 200, None)
    assert "photo.jpg" in body["download_url"]


def test_a_source_names_its_picture_where_the_url_does_not(client, site):
    for path, name in {"/cd1": "from header.jpg", "/a/b.jpg": "other.jpg"}.items():
        site.bodies[path] = local_stack.photo()
        site.dispositions[path] = f'attachment; filename="{name}"'
    urls = [site.url("/cd1"), site.url("/a/b.jpg")]
    batch = client.post_urls({"urls": urls, "width": 100}, WAIT).json()
    client.wait_until_final(batch["batch_job_id"])
    results = client.results(batch["batch_job_id"]).json()["results"]
    assert [each["name"] for each in results] == ["from header.jpg", "b.jpg"]
    archive = client.archive(batch["batch_job_id"]).content
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["from header.jpg", "b.jpg"]


def test_each_of_many_urls_has_its_own_outcome(client, site):
    paths = ("/a/photo.jpg", "/absent.jpg", "/closed.jpg", "/large.jpg", "/broken.jpg", "/moved.jpg")
    urls = [
        *map(site.url, paths),
        "http://127.0.0.2/a.jpg",
        "http://no-such-host.invalid/a.jpg",
        "https://me:secret@example.org/a.jpg",
    ]
    batch = client.post_urls({"urls": urls, "width": 100}, WAIT).json()
    client.wait_until_final(batch["batch_job_id"])
    results = client.results(batch["batch_job_id"]).json()["results"]
    assert [(each["error"] or {}).get("code") for each in results] == [
        None, "source_not_found", "source_forbidden", "file_too_large", "source_error", "source_error",
        "source_forbidden", "source_error",
        "source_forbidden",
    ]  # fmt: skip
    assert results[0]["outputs"][0]["width"] == 100


def test_temporary_source_errors_are_retried_and_others_are_not(client, site):
    site.bodies["/flaky.jpg"] = [503, local_stack.photo(seed=1)]
    assert client.post_urls({"url": site.url("/flaky.jpg"), "width": 50}, WAIT).json()["state"] == "Succeeded"
    client.post_urls({"url": site.url("/gone.jpg")}, WAIT)
    assert (site.requests["/flaky.jpg"], site.requests["/gone.jpg"]) == (2, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.1/",
        "http://0x0a000001/",
        "ftp://example.org/a.jpg",
    ],
)
def test_an_address_that_is_refused_costs_no_job(client, url):
    answer = client.post_urls({"url": url})
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["where"]) == (
        400,
        "invalid_options",
        "url",
    )


def test_a_source_that_wants_a_header_gets_it_and_nobody_else_sees_it(client, stack, site):
    site.bodies["/private.jpg"] = local_stack.photo(seed=2)
    items = [{"url": site.url("/private.jpg"), "headers": {"Authorization": "Bearer s3cr3t"}}]
    job = client.post_job({"items": items, "variants": [{"width": 60}]}, WAIT).json()
    assert job["state"] == "Succeeded"
    assert site.headers["/private.jpg"]["Authorization"] == "Bearer s3cr3t"
    told = client.results(job["job_id"]).text + client.job(job["job_id"]).text
    logs = "".join(each.read_text(errors="replace") for each in (stack.data / "logs").iterdir())
    assert "s3cr3t" not in told + logs + stack.terminal_output()
