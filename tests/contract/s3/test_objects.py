"""The object store at two real S3 servers.

SeaweedFS checks credentials and folds slashes; moto checks nobody and keeps every key as it is. What is
promised holds at both, unless a test says why only one can show it.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imagejobs_contract.errors import Conflict, Misconfigured, NotFound, TooLarge, Unavailable
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3 import boto, listing, streaming_put
from imagejobs_contract.s3 import objects as objects_module
from imagejobs_contract.s3.client import is_addressable
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.streaming_put import PART_BYTES
from imagejobs_contract.storage import ObjectFacts
from support.clock import shifted_clock
from support.clock.waiting import until
from support.servers import data_servers

PNG = "image/png"


def run(settings: S3Settings, story: Callable[[S3Objects], Awaitable[Any]]) -> Any:
    """Tell a story of one store and return its end."""

    async def told() -> Any:
        return await story(S3Objects.from_settings(settings))

    return asyncio.run(told())


@pytest.fixture(params=["seaweedfs", "moto"])
def s3_settings(request):
    """Settings for an empty bucket of one server."""
    return request.getfixturevalue("s3_settings" if request.param == "seaweedfs" else "moto_settings")


@pytest.fixture
def maker(s3_settings):
    """A boto3 client of that server."""
    client = boto.open_client(s3_settings, s3_settings.endpoint)
    yield client
    client.close()


@pytest.fixture
def refusing_s3(s3_settings, moto_server):
    """The S3 refuses what is signed wrongly."""
    shifted_clock.skip_beside("SeaweedFS")
    if s3_settings.endpoint == moto_server.url("s3"):
        pytest.skip("moto does not check who asks")


@pytest.fixture
def listed(s3_settings, maker):
    """Return what is in the bucket: keys, and uploads that were begun and neither ended nor aborted."""

    def both() -> tuple[list[str], list[str]]:
        objects = maker.list_objects_v2(Bucket=s3_settings.bucket).get("Contents", [])
        uploads = maker.list_multipart_uploads(Bucket=s3_settings.bucket).get("Uploads", [])
        return [each["Key"] for each in objects], [each["Key"] for each in uploads]

    return both


async def stream(size: int, error: Exception | None = None, pause: float = 0.0) -> AsyncIterator[bytes]:
    for start in range(0, size, 65536):
        yield b"x" * min(65536, size - start)
        await asyncio.sleep(pause)  # plays a slow client
    if error:
        raise error


@pytest.mark.parametrize(
    "data", [b"", b"some bytes", b"y" * (PART_BYTES + 1)], ids=["empty", "small", "large"]
)
def test_what_is_put_comes_back(s3_settings, data):
    async def story(objects):
        etag = await objects.put("a/b.png", data, content_type=PNG)
        assert await objects.get("a/b.png", len(data)) == (data, etag)

    run(s3_settings, story)


def test_facts_type_and_caching_are_kept(s3_settings, maker):
    async def story(objects):
        etag = await objects.put(
            "a",
            b"12345",
            content_type=PNG,
            cache_control="max-age=60",
            metadata={"uid": "u1", "bytes-in": "7"},
        )
        assert await objects.head("a") == ObjectFacts(5, etag, {"uid": "u1", "bytes-in": "7"})

    run(s3_settings, story)
    answer = maker.head_object(Bucket=s3_settings.bucket, Key="a")
    assert (answer["ContentType"], answer["CacheControl"]) == (PNG, "max-age=60")


def test_a_copy_keeps_bytes_type_and_metadata(s3_settings, maker):
    async def story(objects):
        await objects.put("a", b"12345", content_type=PNG, metadata={"uid": "u1"})
        await objects.copy("a", "b")
        facts = await objects.head("b")
        assert facts is not None
        assert (facts.size, facts.metadata) == (5, {"uid": "u1"})

    run(s3_settings, story)
    assert maker.head_object(Bucket=s3_settings.bucket, Key="b")["ContentType"] == PNG


def test_what_is_not_there_is_not_found(s3_settings):
    async def story(objects):
        assert await objects.head("nothing") is None
        for call in (
            objects.get("nothing", 10),
            objects.get_range("nothing", 0, 1),
            objects.copy("nothing", "b"),
        ):
            with pytest.raises(NotFound):
                await call

    run(s3_settings, story)


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "./a", "a/../b", ".", ""])
def test_keys_that_cannot_be_addressed_are_not_found_and_never_mean_another(s3_settings, key):
    async def story(objects):
        await objects.put("a", b"1", content_type=PNG)
        await objects.put("b", b"1", content_type=PNG)
        assert await objects.head(key) is None
        with pytest.raises(NotFound):
            await objects.get(key, 10)

    run(s3_settings, story)


@pytest.mark.parametrize(
    "key",
    ["IMG (1) #2?.jpg", "ümlaut/é.jpg", "a%20b+c&d=e", "x~y*z:u;v,w'q'", '"quoted"', "a\\b", ".hidden/...x"],
)
def test_unusual_keys_of_others_are_read(s3_settings, maker, key):
    maker.put_object(Bucket=s3_settings.bucket, Key=key, Body=b"theirs")

    async def story(objects):
        return (await objects.get(key, 10))[0]

    assert run(s3_settings, story) == b"theirs"


def test_an_object_over_the_limit_is_refused(s3_settings):
    async def story(objects):
        await objects.put("a", b"12345", content_type=PNG)
        assert (await objects.get("a", 5))[0] == b"12345"
        with pytest.raises(TooLarge):
            await objects.get("a", 4)

    run(s3_settings, story)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 3, b"012"), (2, 10, b"23456789"), (8, 99, b"89"), (3, 3, b"")],
    ids=["head", "tail", "beyond", "nothing"],
)
def test_ranges_exclude_their_end(s3_settings, start, end, expected):
    async def story(objects):
        await objects.put("a", b"0123456789", content_type=PNG)
        return await objects.get_range("a", start, end)

    assert run(s3_settings, story) == expected


def test_a_range_of_one_version_is_not_read_from_another(s3_settings):
    async def story(objects):
        etag = await objects.put("a", b"0123456789", content_type=PNG)
        assert await objects.get_range("a", 2, 4, only_if=etag) == b"23"
        await objects.put("a", b"9876543210", content_type=PNG)
        with pytest.raises(Conflict):
            await objects.get_range("a", 2, 4, only_if=etag)
        await objects.delete(["a"])
        with pytest.raises(NotFound):
            await objects.get_range("a", 2, 4, only_if=etag)

    run(s3_settings, story)


def test_of_eight_racing_creations_exactly_one_wins(s3_settings):
    async def story(objects):
        tries = (objects.put("a", bytes([k]), content_type=PNG, only_if="") for k in range(8))
        ends = await asyncio.gather(*tries, return_exceptions=True)
        won = [k for k, end in enumerate(ends) if isinstance(end, str)]
        assert len(won) == 1
        assert [type(end) for end in ends].count(Conflict) == 7
        assert (await objects.get("a", 1))[0] == bytes(won)

    run(s3_settings, story)


def test_a_version_is_replaced_by_those_who_know_it(s3_settings):
    async def story(objects):
        first = await objects.put("a", b"1", content_type=PNG)
        second = await objects.put("a", b"2", content_type=PNG, only_if=first)
        with pytest.raises(Conflict):
            await objects.put("a", b"3", content_type=PNG, only_if=first)
        with pytest.raises(Conflict):
            await objects.put("gone", b"3", content_type=PNG, only_if=first)
        assert await objects.get("a", 1) == (b"2", second)
        await objects.put("a", b"4", content_type=PNG)

    run(s3_settings, story)


def test_of_racing_replacements_of_one_version_one_wins(s3_settings):
    async def story(objects):
        etag = await objects.put("a", b"0", content_type=PNG)
        tries = (objects.put("a", bytes([k]), content_type=PNG, only_if=etag) for k in range(1, 9))
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(end) for end in ends].count(Conflict) == 7

    run(s3_settings, story)


@pytest.mark.parametrize(
    "size", [0, 1000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES], ids=str
)
def test_a_stream_is_stored_whole(s3_settings, listed, size):
    async def story(objects):
        assert await objects.put_stream("s", stream(size)) == size
        assert (await objects.get("s", size))[0] == b"x" * size

    run(s3_settings, story)
    assert listed() == (["s"], [])


def test_a_small_stream_is_one_put_and_a_large_one_is_parts(s3_settings, maker):
    async def story(objects):
        await objects.put_stream("small", stream(PART_BYTES - 1))
        await objects.put_stream("large", stream(PART_BYTES + 1))

    run(s3_settings, story)
    etags = [maker.head_object(Bucket=s3_settings.bucket, Key=key)["ETag"] for key in ("small", "large")]
    assert ["-2" in etag for etag in etags] == [False, True]


@pytest.mark.parametrize("size", [0, 1000, 2 * PART_BYTES], ids=str)
@pytest.mark.parametrize(
    "error", [RuntimeError("the client left"), TooLarge("too large")], ids=["client left", "too large"]
)
def test_a_stream_that_raises_leaves_nothing(s3_settings, listed, size, error):
    async def story(objects):
        with pytest.raises(type(error), match=str(error)):
            await objects.put_stream("s", stream(size, error))

    run(s3_settings, story)
    assert listed() == ([], [])


@pytest.mark.parametrize("size", [1000, 4 * PART_BYTES], ids=str)
def test_a_stream_that_is_cancelled_leaves_nothing(s3_settings, listed, size):
    async def story(objects):
        reached = asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            async for chunk in stream(size):
                yield chunk
            reached.set()
            await asyncio.Event().wait()

        storing = asyncio.create_task(objects.put_stream("s", stuck()))
        await reached.wait()
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing

    run(s3_settings, story)
    assert listed() == ([], [])


def test_a_stream_is_not_read_far_ahead_of_what_is_sent(s3_settings, monkeypatch):
    """A server that takes nothing must stop the reading, whatever is offered: memory stays bounded."""
    monkeypatch.setattr(streaming_put, "ABORT_SECONDS", 0.1)
    silent = data_servers.free_ports(["silent"])["silent"]
    read = 0

    async def offered() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in stream(20 * PART_BYTES):
            read += len(chunk)
            yield chunk

    async def take_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.append(writer)
        await over.wait()
        writer.close()
        open_connections.remove(writer)

    over, open_connections, seen = asyncio.Event(), list[asyncio.StreamWriter](), list[int]()

    def has_stopped() -> bool:
        seen.append(read)
        return read >= PART_BYTES and len(seen) > 50 and len(set(seen[-50:])) == 1

    async def story(objects):
        async with await asyncio.start_server(take_nothing, "127.0.0.1", silent):
            storing = asyncio.create_task(objects.put_stream("s", offered()))
            await until(has_stopped, seen=lambda: read)
            storing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await storing
            over.set()
            await until(lambda: not open_connections)

    run(s3_settings._replace(endpoint=f"http://127.0.0.1:{silent}"), story)
    assert PART_BYTES <= read <= 4 * PART_BYTES


def test_deletion_counts_the_absent_as_deleted_and_takes_many(s3_settings, listed):
    async def story(objects):
        await asyncio.gather(*(objects.put(f"d/{n}", b"1", content_type=PNG) for n in range(20)))
        await objects.put("kept", b"1", content_type=PNG)
        await objects.delete(f"d/{n}" for n in range(1100))
        await objects.delete([])

    run(s3_settings, story)
    assert listed() == (["kept"], [])


def test_a_prefix_is_deleted_with_all_below_and_nothing_beside(s3_settings, listed):
    async def story(objects):
        for key in ("u/1/0", "u/1/deep/er", "u/10/0", "u/1x", "v"):
            await objects.put(key, b"1", content_type=PNG)
        await objects.delete_prefix("u/1/")
        await objects.delete_prefix("absent/")

    run(s3_settings, story)
    assert listed()[0] == ["u/10/0", "u/1x", "v"]


@pytest.mark.parametrize("prefix", ["", "/", "u/1"])
def test_a_prefix_that_could_match_more_is_refused(s3_settings, prefix):
    async def story(objects):
        with pytest.raises(ValueError, match="slash"):
            await objects.delete_prefix(prefix)

    run(s3_settings, story)


def test_a_list_tells_everything_under_a_prefix_as_its_heads_do(s3_settings, monkeypatch):
    monkeypatch.setattr(objects_module, "MAX_KEYS_PER_REQUEST", 3)

    async def story(objects):
        for key in ("u/1/0", "u/1/1", "u/1/2", "u/1/deep/er", "u/10/0", "u/1x"):
            await objects.put(key, key.encode(), content_type=PNG)
        await objects.put_stream("u/1/large", stream(PART_BYTES + 1))
        found = [each async for page in objects.list("u/1/") for each in page]
        assert [each.key for each in found] == ["u/1/0", "u/1/1", "u/1/2", "u/1/deep/er", "u/1/large"]
        for each in found:
            assert ObjectFacts(each.size, each.etag, {}) == await objects.head(each.key)
        assert [page async for page in objects.list("absent/")] == []

    run(s3_settings, story)


def test_the_check_passes_when_the_bucket_can_be_read(s3_settings):
    run(s3_settings, lambda objects: objects.check())


@pytest.mark.parametrize(
    "wrong",
    [{"secret_access_key": "wrong"}, {"access_key_id": "nobody"}, {"bucket": "absent-bucket"}],
    ids=["secret", "key", "bucket"],
)
@pytest.mark.usefixtures("refusing_s3")
def test_the_check_names_wrong_settings(s3_settings, wrong):
    with pytest.raises(Misconfigured):
        run(s3_settings._replace(**wrong), lambda objects: objects.check())


@pytest.mark.usefixtures("refusing_s3")
def test_wrong_credentials_are_misconfigured_for_every_call(s3_settings):
    async def story(objects):
        calls = (
            objects.get("a", 1), objects.head("a"), objects.put("a", b"", content_type=PNG),
            objects.put_stream("a", stream(10)), objects.put_stream("a", stream(2 * PART_BYTES)),
            objects.copy("a", "b"), objects.delete(["a"]), objects.delete_prefix("a/"),
        )  # fmt: skip
        for call in calls:
            with pytest.raises(Misconfigured):
                await call

    run(s3_settings._replace(secret_access_key="wrong"), story)


def test_an_absent_server_is_unavailable_and_soon_so(s3_settings):
    port = data_servers.free_ports(["none"])["none"]

    async def story(objects):
        for call in (objects.get("a", 1), objects.put("a", b"", content_type=PNG), objects.check()):
            with pytest.raises(Unavailable):
                await call

    run(s3_settings._replace(endpoint=f"http://127.0.0.1:{port}"), story)


ETAG = 'etag: "e"\r\nlast-modified: Mon, 02 Jan 2006 15:04:05 GMT'


@asynccontextmanager
async def played(*answers: str):
    """Play a server that gives these answers, one per connection, and note what it was asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {answers[len(asked) - 1]}".encode())
        await writer.drain()
        writer.close()

    port = data_servers.free_ports(["played"])["played"]
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}", asked


def test_a_moment_of_500s_is_tried_through(s3_settings):
    async def story() -> None:
        failing = [f"{status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" for status in (503, 500)]
        async with played(*failing, f"200 OK\r\n{ETAG}\r\ncontent-length: 0\r\n\r\n") as (endpoint, asked):
            assert (
                await S3Objects(s3_settings._replace(endpoint=endpoint)).put("a", b"", content_type=PNG)
                == '"e"'
            )
            assert len(asked) == 3

    asyncio.run(story())


def test_a_body_that_is_cut_is_never_taken_for_the_object(s3_settings):
    async def story() -> None:
        async with played(*[f"200 OK\r\n{ETAG}\r\ncontent-length: 10\r\n\r\n12345"] * 9) as (endpoint, _):
            with pytest.raises(Unavailable):
                await S3Objects(s3_settings._replace(endpoint=endpoint)).get("a", 10)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("style", "line"),
    [(True, "HEAD http://s3.example/pictures/a"), (False, "HEAD http://pictures.s3.example/a")],
    ids=["path", "host"],
)
def test_the_bucket_stands_in_the_path_or_in_the_host_name(s3_settings, monkeypatch, style, line):
    async def story() -> None:
        async with played("404 X\r\ncontent-length: 0\r\n\r\n") as (proxy, asked):
            monkeypatch.setenv("HTTP_PROXY", proxy)  # so that no name need be resolved
            settings = s3_settings._replace(endpoint="http://s3.example", bucket="pictures", path_style=style)
            assert await S3Objects(settings).head("a") is None
            assert asked[0].startswith(line)

    asyncio.run(story())


def test_nothing_is_left_running_when_a_program_ends(s3_settings):
    before = threading.active_count()
    run(s3_settings, lambda objects: objects.put("a", b"1", content_type=PNG))
    assert threading.active_count() == before


STRANGE = (
    "u/1/", "u/1//b.jpg", "u/1/./c", "u/1/../d", "u/1/a/", "u/1/e//", "u/1/x\x01y", "u/1/\x7f", "u/1/\ufffe",
    "u/1/%2F", "u/1/ü+ &<>z", "u/1/a", "u/1/b\\s",
)  # fmt: skip
"""Keys that S3 allows. moto alone keeps them all: SeaweedFS folds slashes."""


@pytest.fixture
def strange_bucket(moto_settings, moto_bucket_maker):
    """A bucket that is full of strange keys, and of one beside its folder that must stay."""
    for key in (*STRANGE, "u/1"):
        moto_bucket_maker.put_object(Bucket=moto_settings.bucket, Key=key, Body=b"x")
    return moto_settings


def test_no_key_breaks_the_list_and_each_is_told_as_it_is(strange_bucket, monkeypatch):
    monkeypatch.setattr(objects_module, "MAX_KEYS_PER_REQUEST", 3)

    async def story(objects):
        return [each.key async for page in objects.list("u/1/") for each in page]

    assert sorted(run(strange_bucket, story)) == sorted(STRANGE)


def test_no_key_breaks_the_check(strange_bucket):
    run(strange_bucket, lambda objects: objects.check())


def test_a_key_that_obstore_cannot_name_is_not_found_and_means_no_other(strange_bucket):
    async def story(objects):
        for key in ("u/1/x\x01y", "u/1/a/", "u/1//b.jpg"):
            assert await objects.head(key) is None
            with pytest.raises(NotFound):
                await objects.get(key, 10)

    run(strange_bucket, story)


def test_a_prefix_with_strange_keys_is_deleted_as_far_as_keys_can_be_named_and_never_beside_it(
    strange_bucket, moto_bucket_maker
):
    run(strange_bucket, lambda objects: objects.delete_prefix("u/1/"))
    left = moto_bucket_maker.list_objects_v2(Bucket=strange_bucket.bucket)["Contents"]
    assert [each["Key"] for each in left if is_addressable(each["Key"])] == ["u/1"]


def test_the_object_of_a_folder_is_never_taken_for_one_beside_it(moto_settings, moto_bucket_maker):
    """obstore lists `u/1/` as `u/1`."""
    for key in ("u/1/", "u/1/a", "u/1"):
        moto_bucket_maker.put_object(Bucket=moto_settings.bucket, Key=key, Body=b"x")
    run(moto_settings, lambda objects: objects.delete_prefix("u/1/"))
    left = moto_bucket_maker.list_objects_v2(Bucket=moto_settings.bucket)["Contents"]
    assert [each["Key"] for each in left] == ["u/1", "u/1/"]


def answer(status: int, code: str) -> str:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>"
    return f"{status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (404, "NoSuchBucket", "does not exist"),
        (301, "PermanentRedirect", "another region"),
        (400, "AuthorizationHeaderMalformed", "another region"),
        (400, "ExpiredToken", "expired"),
        (403, "InvalidAccessKeyId", "does not know these credentials"),
        (403, "AccessDenied", "refuses"),
        (403, "RequestTimeTooSkewed", "clocks"),
        (507, "XMinioStorageFull", "full"),
    ],
)
@pytest.mark.parametrize("call", ["check", "list", "put"])
def test_wrong_settings_are_told_apart_from_an_outage(moto_settings, call, status, code, sentence):
    async def story() -> None:
        async with played(*[answer(status, code)] * 9) as (endpoint, _):
            objects = S3Objects(moto_settings._replace(endpoint=endpoint))
            calls = {
                "check": objects.check,
                "list": lambda: anext(objects.list("a/")),
                "put": lambda: objects.put("a", b"", content_type=PNG),
            }
            with pytest.raises(Misconfigured, match=sentence):
                await calls[call]()

    asyncio.run(story())


def test_the_check_asks_one_question_that_costs_the_same_in_any_bucket(moto_settings):
    async def story() -> None:
        async with played(answer(404, "NoSuchKey")) as (endpoint, asked):
            await S3Objects(moto_settings._replace(endpoint=endpoint)).check()
            assert len(asked) == 1
            assert asked[0].startswith(f"GET /{moto_settings.bucket}/{objects_module.CHECK_KEY} ")

    asyncio.run(story())


def test_an_outage_during_a_list_is_tried_through_and_then_unavailable(moto_settings):
    async def story() -> None:
        async with played(*[answer(503, "SlowDown")] * 9) as (endpoint, asked):
            with pytest.raises(Unavailable):
                await anext(S3Objects(moto_settings._replace(endpoint=endpoint)).list("a/"))
            assert len(asked) == listing.TRIES

    asyncio.run(story())
