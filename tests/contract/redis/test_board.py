"""The progress board and its two streams, at a real server that is also emptied, stopped and killed."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import redis

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import Change, WakeUp
from imagejobs_contract.redis import streams
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.wire import redis_keys
from support.servers import data_servers

KEY = JobKey("default", "holiday")
UID = "u1"


def run(url: str, story: Callable[[RedisBoard], Awaitable[None]]) -> None:
    """Tell a story of one board."""

    async def told() -> None:
        board = RedisBoard(url)
        try:
            await story(board)
        finally:
            await board.close()

    asyncio.run(told())


def change(done: int) -> Change:
    return Change(KEY, UID, State.RUNNING, Counts(10, 1, done, 0))


async def next_thing(stream: AsyncIterator, seconds: float = 3.0):
    """Return the next that is not None."""
    async with asyncio.timeout(seconds):
        async for each in stream:
            if each is not None:
                return each
    raise AssertionError("the stream ended")


async def ready(stream: AsyncIterator) -> None:
    """Wait until the stream knows its place."""
    async with asyncio.timeout(3):
        assert await anext(stream) is None


@pytest.fixture
def raw(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_an_unknown_job_has_no_counts_and_no_outcomes(redis_url):
    async def story(board):
        assert await board.counts(UID) is None
        assert await board.outcomes(UID) == {}

    run(redis_url, story)


def test_counts_of_a_shard_do_not_stay_for_ever(redis_url, raw):
    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(10, 1, 2, 3))
        assert await board.counts(UID) == Counts(10, 1, 2, 3)

    run(redis_url, story)
    assert 0 < raw.ttl(redis_keys.progress(UID)) <= redis_keys.JOB_SECONDS


def test_counts_are_the_sum_over_shards_and_repeating_one_adds_nothing(redis_url):
    async def story(board):
        for _ in range(3):
            await board.put_shard(KEY, UID, 0, Counts(10, 1, 2, 3))
            await board.put_shard(KEY, UID, 1, Counts(10, 0, 4, 0))
        assert await board.counts(UID) == Counts(10, 1, 6, 3)

    run(redis_url, story)


def test_the_counts_of_several_jobs_come_in_their_order(redis_url):
    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(10, 1, 2, 3))
        assert await board.all_counts(["absent", UID]) == [None, await board.counts(UID)]

    run(redis_url, story)


def test_a_shard_brings_the_total_back_after_a_flush(redis_url, raw):
    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(10, 1, 2, 3))
        raw.flushall()
        await board.put_shard(KEY, UID, 1, Counts(10, 0, 4, 0))
        assert await board.counts(UID) == Counts(10, 0, 4, 0)

    run(redis_url, story)


def test_outcomes_come_back_as_they_were_put(redis_url, raw):
    good, bad = Outcome(0, "é.jpg", bytes_in=5), Outcome(7, "b", code=Code.CORRUPT_IMAGE, message="cut")

    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(10, 0, 1, 1), [good, bad])
        raw.hset(redis_keys.items(UID), "8", "{broken")
        assert await board.outcomes(UID) == {0: good, 7: bad}

    run(redis_url, story)
    assert raw.ttl(redis_keys.items(UID)) > 0


def test_forgetting_leaves_no_key_of_the_job(redis_url, raw):
    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(1, 0, 1, 0), [Outcome(0, "a")])
        raw.hset(redis_keys.sent(UID), "0", "1-0")
        await board.forget(UID)

    run(redis_url, story)
    assert raw.keys("*") == [redis_keys.DONE]


def test_what_is_known_of_a_job_goes_soon_after_its_end_was_announced(redis_url, raw):
    async def story(board):
        await board.put_shard(KEY, UID, 0, Counts(1, 0, 1, 0), [Outcome(0, "a")])
        raw.hset(redis_keys.sent(UID), "0", "1-0")
        await board.announce(change(1))
        assert raw.ttl(redis_keys.items(UID)) > redis_keys.ENDED_SECONDS
        announcements = board.announcements()
        await ready(announcements)
        end = replace(change(10), state=State.SUCCEEDED)
        await board.announce(end)
        assert await next_thing(announcements) == end

    run(redis_url, story)
    assert [raw.ttl(key(UID)) for key in (redis_keys.progress, redis_keys.items, redis_keys.sent)] == [
        redis_keys.ENDED_SECONDS
    ] * 3


def test_a_shard_wakes_the_operator(redis_url):
    async def story(board):
        wake_ups = board.wake_ups()
        await ready(wake_ups)
        await board.put_shard(KEY, UID, 0, Counts(10, 0, 1, 0))
        assert await next_thing(wake_ups) == WakeUp(KEY)

    run(redis_url, story)


def test_changes_arrive_in_order_and_only_those_since_the_first_none(redis_url):
    async def story(board):
        await board.announce(change(0))
        announcements = board.announcements()
        await ready(announcements)
        await board.announce(change(1))
        await board.announce(change(2))
        assert [await next_thing(announcements) for _ in range(2)] == [change(1), change(2)]

    run(redis_url, story)


@pytest.mark.parametrize("count", [1, 2, 3, 10], ids="{} at once".format)
def test_nothing_is_missed_between_two_reads(redis_url, monkeypatch, count):
    """Also not what comes while the entries of the read before are still being handed on."""
    monkeypatch.setattr(streams, "MAX_ENTRIES_PER_READ", 3)

    async def story(board):
        announcements = board.announcements()
        await ready(announcements)
        announced, found = [], []
        for _ in range(5):
            new = [change(len(announced) + n) for n in range(count)]
            announced += new
            for each in new:
                await board.announce(each)
            found.append(await next_thing(announcements))
        while len(found) < len(announced):
            found.append(await next_thing(announcements))
        assert found == announced

    run(redis_url, story)


def test_a_silent_stream_says_none_about_once_a_second(redis_url):
    async def story(board):
        announcements = board.announcements()
        await ready(announcements)
        started = time.monotonic()
        assert [await anext(announcements) for _ in range(2)] == [None, None]
        assert time.monotonic() - started > 1.5

    run(redis_url, story)


def test_a_busy_stream_says_none_too(redis_url):
    async def story(board):
        async def talk():
            while True:
                await board.announce(change(1))

        announcements = board.announcements()
        await ready(announcements)
        talking = asyncio.create_task(talk())
        async with asyncio.timeout(2.5):
            async for each in announcements:
                if each is None:
                    break
        talking.cancel()

    run(redis_url, story)


def test_ids_that_start_again_are_followed(redis_url, raw):
    """After a failover the new primary's clock may be behind: its ids are smaller than those already seen."""

    async def story(board):
        raw.xadd(redis_keys.CHANGES, {"x": "from the future"}, id="99999999999999-0")
        announcements = board.announcements()
        await ready(announcements)
        raw.flushall()
        await board.announce(change(5))
        assert await next_thing(announcements) == change(5)

    run(redis_url, story)


def test_what_is_not_understood_on_a_stream_is_left_out(redis_url, raw):
    async def story(board):
        announcements = board.announcements()
        await ready(announcements)
        for fields in (
            {"x": "y"},
            {"namespace": "n", "name": "m", "uid": "u", "state": "Dancing", "counts": "1,2,3,4"},
        ):
            raw.xadd(redis_keys.CHANGES, fields)
        await board.announce(change(5))
        assert await next_thing(announcements) == change(5)

    run(redis_url, story)


def test_streams_survive_a_dead_redis_that_comes_back_empty(tmp_path, valkey_server):
    """And say None once a second meanwhile, not as often as they can."""
    binary = data_servers.find_valkey()
    server = data_servers.start_valkey(tmp_path, binary)

    async def story(board):
        announcements, wake_ups = board.announcements(), board.wake_ups()
        await ready(announcements)
        await ready(wake_ups)
        server.stop()
        started = time.monotonic()
        assert [await anext(announcements) for _ in range(3)] == [None] * 3
        assert time.monotonic() - started > 1
        again = data_servers.start_valkey(tmp_path, binary, port=server.ports["redis"])
        try:
            await ready(announcements)
            await board.announce(change(9))
            await board.put_shard(KEY, UID, 0, Counts(1, 0, 1, 0))
            assert await next_thing(announcements) == change(9)
            assert await next_thing(wake_ups) == WakeUp(KEY)
        finally:
            again.stop()

    run(server.url("redis", "redis"), story)


def test_a_redis_that_hangs_holds_nobody_for_long(redis_url, valkey_server):
    async def story(board):
        await board.announce(change(1))
        os.kill(valkey_server.process.pid, signal.SIGSTOP)
        with pytest.raises(Unavailable):
            await board.counts(UID)

    try:
        run(redis_url, story)
    finally:
        os.kill(valkey_server.process.pid, signal.SIGCONT)


def test_a_connection_of_a_server_that_was_restarted_is_replaced_unseen(tmp_path, valkey_server):
    binary = data_servers.find_valkey()
    server = data_servers.start_valkey(tmp_path, binary)

    async def story(board):
        await board.announce(change(1))
        server.stop()
        again = data_servers.start_valkey(tmp_path, binary, port=server.ports["redis"])
        try:
            assert await board.counts(UID) is None
        finally:
            again.stop()

    run(server.url("redis", "redis"), story)
