"""A pod's report is the same as the board's own, at a real server; without a server it ends in time."""

import asyncio

import pytest
import redis

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.shard_reporter import ShardReporter, supports
from imagejobs_contract.wire import redis_keys
from support.servers import data_servers

KEY = JobKey("default", "holiday")
UID = "u1"
OUTCOMES = [Outcome(0, "é.jpg", bytes_in=5), Outcome(7, "b", code=Code.CORRUPT_IMAGE, message="cut")]


@pytest.fixture
def raw(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.flushall()
        yield client


def tell(url, *arguments):
    asyncio.run(ShardReporter(url).put_shard(KEY, UID, *arguments))


def written(raw):
    """Return all that a report leaves, without the times."""
    hashes = {key: raw.hgetall(key) for key in (redis_keys.progress(UID), redis_keys.items(UID))}
    lives = [raw.ttl(key) for key in hashes]
    return (
        hashes,
        [fields for _, fields in raw.xrange(redis_keys.DONE)],
        all(0 < life <= redis_keys.JOB_SECONDS for life in lives),
    )


def test_it_writes_what_the_board_writes(redis_url, raw):
    async def by_board():
        board = RedisBoard(redis_url)
        await board.put_shard(KEY, UID, 3, Counts(10, 1, 1, 1), OUTCOMES)
        await board.close()

    asyncio.run(by_board())
    expected = written(raw)
    raw.flushall()
    tell(redis_url, 3, Counts(10, 1, 1, 1), OUTCOMES)
    assert written(raw) == expected
    assert expected[2]


def test_telling_again_changes_nothing_but_wakes_the_operator(redis_url, raw):
    for _ in range(2):
        tell(redis_url, 0, Counts(10, 0, 2, 0))
    assert raw.hgetall(redis_keys.progress(UID)) == {"total": "10", "0": "2,0,0"}
    assert raw.xlen(redis_keys.DONE) == 2


def test_the_database_of_the_url_is_written(redis_url, raw):
    third = f"{redis_url.removesuffix('/0')}/3"
    tell(third, 0, Counts(10, 0, 2, 0))
    assert not raw.exists(redis_keys.progress(UID))
    with redis.Redis.from_url(third) as other:
        assert other.exists(redis_keys.progress(UID))


def test_a_password_is_given_and_a_wrong_one_is_unavailable(tmp_path):
    binary = data_servers.find_valkey()
    if binary is None:
        pytest.skip("Valkey is missing")
    server = data_servers.start_valkey(tmp_path, binary, ["--user", "pod", "on", ">p@ss", "~*", "+@all"])
    try:
        at = f"127.0.0.1:{server.ports['redis']}"
        tell(f"redis://pod:p%40ss@{at}/0", 0, Counts(10, 0, 2, 0))
        with pytest.raises(Unavailable, match="WRONGPASS"):
            tell(f"redis://pod:wrong@{at}/0", 0, Counts(10, 0, 3, 0))
    finally:
        server.stop()


def test_an_error_inside_the_transaction_is_unavailable(redis_url, raw):
    raw.set(redis_keys.progress(UID), "no hash")
    with pytest.raises(Unavailable, match="WRONGTYPE"):
        tell(redis_url, 0, Counts(10, 0, 2, 0))


def test_a_server_that_is_not_there_is_unavailable_at_once():
    with pytest.raises(Unavailable):
        tell(f"redis://127.0.0.1:{data_servers.free_ports(['redis'])['redis']}", 0, Counts(10, 0, 2, 0))


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    ids=["silence", "hangs up", "another protocol"],
)
def test_a_server_that_answers_otherwise_is_unavailable_within_the_time(answer):
    async def answers(reader, writer):
        await reader.read(100)
        try:
            if answer is None:
                await asyncio.sleep(3600)  # plays a server that is silent
            writer.write(answer or b"")
        finally:
            writer.close()
            await writer.wait_closed()

    async def story():
        server = await asyncio.start_server(answers, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await ShardReporter(f"redis://127.0.0.1:{port}").put_shard(KEY, UID, 0, Counts(10, 0, 2, 0))
        server.close()
        await asyncio.sleep(0)  # lets the connection go before the loop does

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "can"),
    [
        ("redis://127.0.0.1:6379/0", True),
        ("redis://user:p%40ss@redis.default.svc", True),
        ("redis://[::1]:6380/2", True),
        ("rediss://redis:6379/0", False),
        ("unix:///run/redis.sock", False),
        ("redis://redis:6379/0?socket_timeout=1", False),
        ("redis://", False),
    ],
)
def test_anything_but_plain_tcp_is_left_to_the_client_library(url, can):
    assert supports(url) is can
