"""Every curl call of the docs, run against `imagejobs local`; the e2e suite runs them on a cluster."""

import contextlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from support.api import docs_player
from support.servers import local_stack
from support.servers.image_server import image_site

CALLS = docs_player.every_call(Path(__file__).resolve().parents[2] / "docs")


def fill_bucket(stack: local_stack.LocalStack, photo: bytes) -> None:
    """Put the photos into the stack's bucket; a link tells where its S3 is."""
    with local_stack.client(stack) as client:
        link = client.post_image(photo, width=10).json()["download_url"]
    keys = json.loads((stack.data / "s3-credentials.json").read_text())
    s3 = boto3.client(
        "s3", endpoint_url="http://" + urlsplit(link).netloc, region_name="us-east-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )  # fmt: skip
    with contextlib.closing(s3):
        for key in docs_player.BUCKET_FILES:
            s3.put_object(Bucket="imagejobs", Key=key, Body=photo)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documented")
    docs_player.write_files(folder, local_stack.photo(300, 200))
    with image_site() as site:
        site.bodies = {"/bridge-2725x2225.jpg": local_stack.photo()}
        environ = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.1/32", "SOURCE_PREFIXES": "photos/"}
        with local_stack.running(folder / "data", "--workers", "1", environ=environ) as stack:
            fill_bucket(stack, local_stack.photo())
            yield docs_player.Service(
                stack.url, folder, elsewhere={"https://images.example.org": site.url("")}
            )


def test_there_are_calls():
    assert len(CALLS) > 20


@pytest.mark.timeout(600)
def test_every_call_is_answered_as_the_page_shows(service, subtests):
    for call in CALLS:  # in the order of the page: one retries what another made, and the last ones delete it
        with subtests.test(docs_player.name(call)):
            service.play(call)
