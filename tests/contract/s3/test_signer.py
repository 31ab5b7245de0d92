"""Presigned links, followed at a real S3 server."""

import asyncio
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.message import Message
from urllib.parse import parse_qs, urlsplit

import pytest

from imagejobs_contract.errors import Conflict, NotFound, Unavailable
from imagejobs_contract.model.limits import MIN_PART_BYTES
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.part_uploads import BotoPartUploads
from imagejobs_contract.s3.signer import MAX_SECONDS, BotoSigner, KeySigner, content_disposition, open_signer


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
    ["photo.jpg", "Gänse & Möwen.jpg", "写真.png", 'a"b\\c;d%41.jpg', "x\r\nSet-Cookie: a=b.jpg",
     "\u202egpj.exe"],
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


def test_an_attachment_is_saved_and_not_shown(signed, s3_settings, stored):
    link = signed(s3_settings).get_link(
        stored, seconds=60, content_type="image/jpeg", file_name="é.jpg", attachment=True
    )
    told = "attachment; filename=\"_.jpg\"; filename*=UTF-8''%C3%A9.jpg"
    assert follow(link)[1]["Content-Disposition"] == told


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
    "change",
    [("image%2Fjpeg", "text%2Fhtml"), ("photo.jpg", "photo.exe"), ("j1", "j2")],
    ids=["type", "name", "key"],
)
@pytest.mark.usefixtures("refusing_s3")
def test_a_changed_link_is_refused(signed, s3_settings, stored, change):
    link = signed(s3_settings).get_link(stored, seconds=60, content_type="image/jpeg", file_name="photo.jpg")
    forged = link.replace(*change)
    assert forged != link
    with pytest.raises(urllib.error.HTTPError) as refusal:
        follow(forged)
    assert refusal.value.code == 403
    refusal.value.close()


def test_links_are_signed_for_the_public_endpoint(signed, s3_settings):
    settings = s3_settings._replace(public_endpoint="https://images.example.org:8443")
    parts = urlsplit(
        signed(settings).get_link("a.jpg", seconds=60, content_type="image/jpeg", file_name="a.jpg")
    )
    assert (parts.scheme, parts.netloc, parts.path) == (
        "https",
        "images.example.org:8443",
        f"/{settings.bucket}/a.jpg",
    )
    assert parse_qs(parts.query)["X-Amz-SignedHeaders"] == ["host"]


def test_the_bucket_stands_in_the_host_name_when_asked(s3_settings):
    settings = s3_settings._replace(public_endpoint="https://s3.example.org", path_style=False)
    parts = urlsplit(
        open_signer(settings).get_link("a.jpg", seconds=60, content_type="image/jpeg", file_name="a.jpg")
    )
    assert (parts.netloc, parts.path) == (f"{settings.bucket}.s3.example.org", "/a.jpg")


@pytest.mark.parametrize(("asked", "granted"), [(-1, 1), (0, 1), (3600, 3600), (MAX_SECONDS + 1, 604_800)])
def test_the_time_is_kept_within_what_signatures_allow(signed, s3_settings, asked, granted):
    link = signed(s3_settings).get_link("a.jpg", seconds=asked, content_type="image/jpeg", file_name="a.jpg")
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == [str(granted)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8333", "https://images.example.org", "https://images.example.org:443"]
)
@pytest.mark.parametrize(
    "key", ["outputs/j1/a.jpg", "outputs/à b+c#1%41~(x)*'!.jpg", "a//b/../c", "写真.png"]
)
def test_our_links_are_those_of_boto3(s3_settings, key, endpoint):
    settings = s3_settings._replace(public_endpoint=endpoint)
    wish = {"seconds": 600, "content_type": "image/png", "file_name": "Gänse & 写真~.png"}
    theirs = urlsplit(BotoSigner(settings).get_link(key, **wish))
    then = datetime.strptime(parse_qs(theirs.query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = urlsplit(KeySigner(settings, lambda: then).get_link(key, **wish))
    assert (ours.scheme, ours.path, parse_qs(ours.query)) == (
        theirs.scheme,
        theirs.path,
        parse_qs(theirs.query),
    )
    put_theirs = urlsplit(BotoSigner(settings).put_link(key, seconds=600, size=7, content_type="image/png"))
    then = datetime.strptime(parse_qs(put_theirs.query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(
        tzinfo=UTC
    )
    put_ours = urlsplit(
        KeySigner(settings, lambda: then).put_link(key, seconds=600, size=7, content_type="image/png")
    )
    assert (put_ours.path, parse_qs(put_ours.query)) == (put_theirs.path, parse_qs(put_theirs.query))
    assert ours.netloc == theirs.netloc.removesuffix(":443"), (
        "clients leave out a port that goes without saying"
    )


def put(link: str, data: bytes, content_type: str | None = "image/jpeg") -> int:
    request = urllib.request.Request(
        link, data, {"Content-Type": content_type} if content_type else {}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as ex:
        ex.close()
        return ex.code


@pytest.mark.usefixtures("refusing_s3")
def test_a_link_to_put_takes_that_size_and_type_under_that_key_only(signed, s3_settings):
    link = signed(s3_settings).put_link("uploads/à b+c#1.jpg", seconds=60, size=7, content_type="image/jpeg")
    assert parse_qs(urlsplit(link).query)["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    refused = [
        put(link, b"pictures"),
        put(link, b"pic"),
        put(link, b"picture", "text/html"),
        put(link.replace("c%231", "d"), b"picture"),
    ]
    assert refused == [403] * 4
    assert asyncio.run(S3Objects(s3_settings).head("uploads/à b+c#1.jpg")) is None
    assert put(link, b"picture") == 200
    assert asyncio.run(S3Objects(s3_settings).get("uploads/à b+c#1.jpg", 10))[0] == b"picture"


@pytest.fixture
def uploads(s3_settings):
    """Uploads in parts to that bucket."""
    uploads = BotoPartUploads(s3_settings)
    yield uploads
    uploads.close()


@pytest.mark.usefixtures("refusing_s3")
def test_parts_are_put_by_links_and_put_together(signed, s3_settings, uploads):
    part, key = b"x" * MIN_PART_BYTES, "uploads/à b.jpg"
    upload = asyncio.run(uploads.begin(key, "image/jpeg"))
    links = [
        signed(s3_settings).part_link(key, upload, n, seconds=60, size=size)
        for n, size in ((1, len(part)), (2, 3))
    ]
    assert put(links[1], b"four", None) == 403
    assert put(links[1], b"end", None) == 200
    with pytest.raises(Conflict, match="part 1 of 2 is not there"):
        asyncio.run(uploads.complete(key, upload, 2))
    assert put(links[0], part, None) == 200
    asyncio.run(uploads.complete(key, upload, 2))
    assert asyncio.run(S3Objects(s3_settings).head(key)).size == len(part) + 3
    with pytest.raises(NotFound):
        asyncio.run(uploads.complete(key, upload, 2))


def test_an_upload_that_was_aborted_is_gone(uploads):
    upload = asyncio.run(uploads.begin("uploads/a.jpg", "image/jpeg"))
    for _ in range(2):
        asyncio.run(uploads.abort("uploads/a.jpg", upload))
    with pytest.raises(NotFound):
        asyncio.run(uploads.complete("uploads/a.jpg", upload, 1))


def test_an_s3_that_is_away_is_unavailable(s3_settings):
    with pytest.raises(Unavailable):
        asyncio.run(
            BotoPartUploads(s3_settings._replace(endpoint="http://127.0.0.1:9")).begin("a", "image/jpeg")
        )


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


def test_temporary_credentials_sign_with_their_token(signed, s3_settings):
    settings = s3_settings._replace(session_token="a/token+=")
    link = signed(settings).get_link("a", seconds=60, content_type="image/jpeg", file_name="a.jpg")
    assert parse_qs(urlsplit(link).query)["X-Amz-Security-Token"] == ["a/token+="]


def test_both_signers_sign_a_token_and_a_path_alike(s3_settings):
    """boto3's own signature is the reference."""
    settings = s3_settings._replace(
        public_endpoint="https://cdn.example.org/s3/",
        session_token="t/+=",
        region="eu-1",
    )
    moment = datetime.now(UTC).replace(microsecond=0)
    link = KeySigner(settings, lambda: moment).put_link(
        "a b/c.jpg", seconds=60, size=5, content_type="image/png"
    )
    parts, query = urlsplit(link), parse_qs(urlsplit(link).query)
    assert parts.path == f"/s3/{settings.bucket}/a%20b/c.jpg"
    theirs = urlsplit(
        BotoSigner(settings).put_link("a b/c.jpg", seconds=60, size=5, content_type="image/png")
    )
    assert theirs.path == parts.path
    same_moment = {**query, "X-Amz-Signature": [""], "X-Amz-Date": [""]}
    others = {**parse_qs(theirs.query), "X-Amz-Signature": [""], "X-Amz-Date": [""]}
    assert same_moment == others


@pytest.mark.usefixtures("refusing_s3")
def test_a_link_for_head_is_good_for_head(signed, s3_settings, stored):
    link = signed(s3_settings).get_link(
        stored, seconds=60, content_type="image/jpeg", file_name="photo.jpg", method="HEAD"
    )
    request = urllib.request.Request(link, method="HEAD")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "7")


def test_a_link_to_a_list_gives_a_page(signed, s3_settings, stored):
    link = signed(s3_settings).list_link("outputs/j1/", seconds=60, max_keys=10, token="")
    assert b"outputs/j1/" in follow(link)[0].replace(b"%2F", b"/")
