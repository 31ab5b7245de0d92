"""Presigned links, followed at a real S3 server."""

import asyncio
import urllib.error
import urllib.request
from email.message import Message
from urllib.parse import parse_qs, urlsplit

import pytest

from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.signer import BotoSigner, KeySigner, content_disposition, open_signer


def follow(link: str) -> tuple[bytes, Message]:
    with urllib.request.urlopen(link, timeout=10) as answer:
        return answer.read(), answer.headers


@pytest.fixture(params=[BotoSigner, KeySigner], ids=["boto3", "ours"])
def signed(request):
    """Return either signer's class: the same is promised of both."""
    return request.param


@pytest.fixture
def stored(s3_settings):
    """Store an object and return its key, which needs quoting."""
    key = "outputs/j1/à b+c#1.jpg"
    asyncio.run(S3Objects(s3_settings).put(key, b"picture", content_type="application/octet-stream"))
    return key


@pytest.mark.parametrize(
    "name",
    [
        "photo.jpg", "Gänse & Möwen.jpg", "写真.png", 'a"b\\c;d%41.jpg', "x\r\nSet-Cookie: a=b.jpg",
        "\u202egpj.exe",
    ],
    ids=["ascii", "latin", "chinese", "quotes", "header injection", "right to left"],
)  # fmt: skip
def test_a_followed_link_gives_the_bytes_the_type_and_the_name(signed, s3_settings, stored, name):
    link = signed(s3_settings).get_link(stored, seconds=60, content_type="image/jpeg", file_name=name)
    body, headers = follow(link)
    assert (body, headers["Content-Type"]) == (b"picture", "image/jpeg")
    assert headers["Content-Disposition"] == content_disposition(name)
    assert headers["Set-Cookie"] is None


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("photo.jpg", 'inline; filename="photo.jpg"'),
        ("é.jpg", "inline; filename=\"_.jpg\"; filename*=UTF-8''%C3%A9.jpg"),
        ('a"b.jpg', "inline; filename=\"a_b.jpg\"; filename*=UTF-8''a%22b.jpg"),
        ("a\nb", "inline; filename=\"a_b\"; filename*=UTF-8''a%0Ab"),
        ("it's (1)*.jpg", 'inline; filename="it\'s (1)*.jpg"'),
        ("\ud800.jpg", "inline; filename=\"_.jpg\"; filename*=UTF-8''%3F.jpg"),
    ],
    ids=["ascii", "latin", "quote", "line feed", "punctuation", "surrogate"],
)
def test_the_header_follows_rfc_6266(name, header):
    assert content_disposition(name) == header


def test_the_true_name_is_read_back_by_others(signed, s3_settings, stored):
    """By the standard library, whose reading of RFC 8187 is not ours."""
    name = "Gänse & 写真.jpg"
    link = signed(s3_settings).get_link(stored, seconds=60, content_type="image/jpeg", file_name=name)
    message = Message()
    message["Content-Disposition"] = follow(link)[1]["Content-Disposition"].replace(
        'filename="G_nse & __.jpg"; ', ""
    )
    assert message.get_filename() == name


@pytest.mark.parametrize(
    ("change", "host", "path", "access_key"),
    [
        ({"public_endpoint": ""}, "s3.eu-central-1.amazonaws.com", "/pictures/a.jpg", "known"),
        (
            {"access_key_id": "", "secret_access_key": ""},
            "s3.example:9000",
            "/pictures/a.jpg",
            "of the environment",
        ),
        ({"path_style": False}, "pictures.s3.example:9000", "/a.jpg", "known"),
        ({}, "s3.example:9000", "/pictures/a.jpg", "known"),
    ],
    ids=["endpoint of AWS", "credentials of the environment", "bucket in the host", "all is given"],
)
def test_links_are_signed_whether_or_not_the_settings_give_endpoint_credentials_and_host(
    s3_settings, monkeypatch, change, host, path, access_key
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    given = s3_settings._replace(
        public_endpoint="http://s3.example:9000", bucket="pictures", region="eu-central-1",
        access_key_id="known", secret_access_key="s", path_style=True,
    )  # fmt: skip
    found = open_signer(given._replace(**change))
    link = urlsplit(found.get_link("a.jpg", seconds=60, content_type="image/jpeg", file_name="a.jpg"))
    assert (link.netloc, link.path) == (host, path)
    assert parse_qs(link.query)["X-Amz-Credential"][0].startswith(f"{access_key}/")
    assert isinstance(found, BotoSigner if change else KeySigner)  # boto3 only where it must find something
