"""The rules of a Redis stream as a queue, each one at a real server."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import redis

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease, QueueFacts, WakeUp
from imagejobs_contract.redis import task_queue
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime.settings import LEASE_SECONDS
from imagejobs_contract.wire import redis_keys
from imagejobs_contract.wire.tasks import Task
from support.clock.waiting import until
from support.servers import data_servers

UID = "u1"


def task(index: int = 0, uid: str = UID) -> Task:
    return Task(
        JobKey("default", "holiday"),
        uid,
        index,
        Item(f"bild-{index}-é.jpg", f"uploads/x/{index}"),
        (Variant(),),
        "outputs/holiday",
    )


def done(index: int = 0) -> Outcome:
    return Outcome(index, f"bild-{index}-é.jpg")


@pytest.fixture
def raw(redis_url):
    """A plain client, to look behind the adapter and to break things."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def age(raw, milliseconds: int = 60_000) -> None:
    """Let so much time pass for all leases, which last 10 s."""
    tasks, group = redis_keys.TASKS, redis_keys.WORKERS_GROUP
    for each in raw.xpending_range(tasks, group, "-", "+", 1000):
        raw.xclaim(tasks, group, each["consumer"], 0, [each["message_id"]], idle=milliseconds, justid=True)


@asynccontextmanager
async def opened(url: str, lease_seconds: float = 10.0):
    queue = RedisTaskQueue(url, lease_seconds)
    try:
        yield queue
    finally:
        await queue.close()


def run(url: str, story: Callable[[RedisTaskQueue], Awaitable[None]], lease_seconds: float = 10.0) -> None:
    """Tell a story of one queue."""

    async def told() -> None:
        async with opened(url, lease_seconds) as queue:
            await story(queue)

    asyncio.run(told())


async def taken(queue: RedisTaskQueue, consumer: str = "a") -> Lease:
    lease = await queue.lease(consumer, 0)
    assert lease is not None
    return lease


def pending(raw: redis.Redis) -> list[str]:
    return [
        each["message_id"]
        for each in raw.xpending_range(redis_keys.TASKS, redis_keys.WORKERS_GROUP, "-", "+", 1000)
    ]


def test_a_task_arrives_as_it_was_sent_and_in_order(redis_url):
    async def story(queue):
        await queue.send([task(0), task(1)])
        assert (await taken(queue)).task == task(0)
        second = await taken(queue)
        assert (second.task, second.deliveries) == (task(1), 1)
        assert await queue.lease("a", 0) is None

    run(redis_url, story)


def test_a_finished_task_leaves_nothing_but_its_outcome_and_a_wake_up(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        assert await queue.ack("a", await taken(queue), done())
        assert (await queue.depth(), await queue.waiting(UID)) == (0, frozenset())

    run(redis_url, story)
    assert pending(raw) == []
    assert raw.hgetall(redis_keys.items(UID)) == {"0": done().to_line()}
    assert raw.ttl(redis_keys.items(UID)) > 0
    assert raw.xlen(redis_keys.DONE) == 1


def test_the_operator_is_told_each_outcome_and_how_many_tasks_of_the_job_are_left(redis_url, raw):
    async def story(queue):
        board = RedisBoard(redis_url)
        wake_ups = board.wake_ups()
        assert await anext(wake_ups) is None
        await queue.send([task(0), task(1)])
        for index, left in ((0, 1), (1, 0)):
            assert await queue.ack("a", await taken(queue), done(index))
            assert await anext(wake_ups) == WakeUp(task().key, UID, done(index), left)
        raw.xadd(
            redis_keys.DONE,
            {"namespace": "default", "name": "holiday", "uid": UID, "outcome": "{broken", "left": "0"},
        )
        raw.xadd(redis_keys.DONE, {"namespace": "default", "name": "holiday"})
        assert [await anext(wake_ups) for _ in range(2)] == [WakeUp(task().key)] * 2
        await wake_ups.aclose()
        await board.close()

    run(redis_url, story)


def test_sending_again_changes_nothing_while_the_task_is_on_the_stream(redis_url):
    async def story(queue):
        await queue.send([task(0), task(1)])
        await taken(queue)
        await queue.send([task(0), task(1), task(2)])
        assert await queue.depth() == 3
        assert await queue.waiting(UID) == {0, 1, 2}

    run(redis_url, story)


@pytest.mark.parametrize(
    "loss", ["entry deleted", "stream deleted", "all trimmed", "sent hash deleted", "flushed"]
)
def test_what_redis_lost_is_not_waiting_and_is_sent_again(redis_url, raw, loss):
    async def story(queue):
        await queue.send([task(0)])
        lease = await taken(queue)
        {
            "entry deleted": lambda: raw.xdel(redis_keys.TASKS, lease.entry_id),
            "stream deleted": lambda: raw.delete(redis_keys.TASKS),
            "all trimmed": lambda: raw.xtrim(redis_keys.TASKS, 0, approximate=False),
            "sent hash deleted": lambda: raw.delete(redis_keys.sent(UID)),
            "flushed": raw.flushall,
        }[loss]()
        assert await queue.waiting(UID) == frozenset()
        assert await queue.find_changed([QueueFacts(task().key, UID, 1, 0)]) == [task().key]
        await queue.send([task(0)])
        assert await queue.waiting(UID) == {0}
        assert (await taken(queue, "b")).task == task(0)

    run(redis_url, story)


def test_more_jobs_are_compared_than_fit_into_one_exchange(redis_url, monkeypatch):
    monkeypatch.setattr(task_queue, "CHANGED_JOBS", 2)

    async def story(queue):
        await queue.send([task(0, f"u{n}") for n in range(5)])
        known = [QueueFacts(JobKey("default", f"j{n}"), f"u{n}", int(n not in (1, 4)), 0) for n in range(5)]
        assert [each.name for each in await queue.find_changed(known)] == ["j1", "j4"]

    run(redis_url, story)


def test_the_group_is_made_again_and_skips_no_entry(redis_url, raw):
    async def story(queue):
        await queue.send([task(0)])
        assert (await taken(queue)).task.index == 0
        raw.xgroup_destroy(redis_keys.TASKS, redis_keys.WORKERS_GROUP)
        assert (await taken(queue)).task.index == 0
        raw.flushall()
        await queue.send([task(1)])
        assert (await taken(queue)).task.index == 1

    run(redis_url, story)


@pytest.mark.parametrize("act", ["ack", "extend", "release"])
def test_a_lease_is_lost_when_redis_forgot_everything(redis_url, raw, act):
    async def story(queue):
        await queue.send([task()])
        lease = await taken(queue)
        raw.flushall()
        calls = {
            "ack": lambda: queue.ack("a", lease, done()),
            "extend": lambda: queue.extend("a", lease),
            "release": lambda: queue.release("a", lease),
        }
        assert not await calls[act]()
        assert raw.exists(redis_keys.items(UID), redis_keys.sent(UID), redis_keys.TASKS) == 0

    run(redis_url, story)


def test_a_dead_workers_task_goes_to_another_when_its_lease_ran_out(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        first = await taken(queue, "dead")
        assert await queue.lease("b", 0) is None
        age(raw)
        second = await queue.lease("b", 30)
        assert second is not None
        assert (second.entry_id, second.deliveries) == (first.entry_id, 2)

    run(redis_url, story)


def test_the_look_for_the_dead_is_soon_enough_for_the_promise_of_15_seconds():
    assert LEASE_SECONDS + task_queue.IDLE_SCAN_SECONDS + task_queue.BLOCK_SECONDS <= 15


def test_an_idle_task_is_found_behind_many_fresh_ones(redis_url, raw):
    """XAUTOCLAIM with COUNT 1 looks at ten entries and gives up."""

    async def story(queue):
        await queue.send([task(n) for n in range(300)])
        leases = [await taken(queue) for _ in range(300)]
        last = leases[-1]
        raw.xclaim(
            redis_keys.TASKS, redis_keys.WORKERS_GROUP, "a", 0, [last.entry_id], idle=60_000, justid=True
        )
        claimed = await taken(queue, "b")
        assert claimed.task.index == last.task.index

    run(redis_url, story)


def test_entries_that_were_deleted_while_pending_are_drained(redis_url, raw):
    """Redis 6.2 keeps them pending for ever."""

    async def story(queue):
        await queue.send([task(n) for n in range(150)])
        first = await taken(queue, "dead")
        # In one command, which is quicker than to lease 149 one by one.
        [(_, others)] = raw.xreadgroup(redis_keys.WORKERS_GROUP, "dead", {redis_keys.TASKS: ">"}, 149)
        entries = [first.entry_id, *(entry for entry, _ in others)]
        age(raw)
        raw.xdel(redis_keys.TASKS, *entries[:149])
        assert (await taken(queue, "b")).task.index == 149
        assert pending(raw) == [entries[149]]

    run(redis_url, story)


def test_renewal_keeps_the_lease_and_the_delivery_count(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        lease = await taken(queue)
        for _ in range(5):
            age(raw, 8_000)
            assert await queue.extend("a", lease)
            assert await queue.lease("b", 0) is None
        assert (
            raw.xpending_range(redis_keys.TASKS, redis_keys.WORKERS_GROUP, "-", "+", 1)[0]["times_delivered"]
            == 1
        )

    run(redis_url, story)


def test_a_zombie_can_neither_finish_nor_renew_nor_hand_back(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        zombie = await taken(queue, "zombie")
        age(raw)
        owner = await taken(queue, "owner")
        assert not await queue.extend("zombie", zombie)
        assert not await queue.ack("zombie", zombie, Outcome(0, "", code=Code.INTERNAL_ERROR))
        await queue.release("zombie", zombie)
        assert not raw.exists(redis_keys.items(UID))
        assert await queue.depth() == 1
        assert await queue.ack("owner", owner, done())
        assert not await queue.ack("zombie", zombie, Outcome(0, "", code=Code.INTERNAL_ERROR))
        assert raw.hgetall(redis_keys.items(UID)) == {"0": done().to_line()}

    run(redis_url, story)


def test_finishing_twice_records_once_and_wakes_once(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        lease = await taken(queue)
        assert [await queue.ack("a", lease, done()) for _ in range(2)] == [True, False]

    run(redis_url, story)
    assert raw.xlen(redis_keys.DONE) == 1


def test_finishing_an_entry_that_was_sent_again_leaves_the_new_one_known(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        lease = await taken(queue)
        raw.xdel(redis_keys.TASKS, lease.entry_id)
        await queue.send([task()])
        assert await queue.ack("a", lease, done())
        assert await queue.waiting(UID) == {0}

    run(redis_url, story)


def test_a_task_handed_back_is_there_at_once_and_the_taking_does_not_count(redis_url):
    async def story(queue):
        await queue.send([task()])
        await queue.release("a", await taken(queue))
        second = await taken(queue, "b")
        assert (second.task, second.deliveries) == (task(), 1)
        assert await queue.waiting(UID) == {0}

    run(redis_url, story)


def test_takings_before_a_handing_back_still_count(redis_url, raw):
    async def story(queue):
        await queue.send([task()])
        await taken(queue, "dies")
        age(raw)
        second = await taken(queue, "hands back")
        assert second.deliveries == 2
        await queue.release("hands back", second)
        third = await taken(queue, "dies too")
        assert third.deliveries == 2
        age(raw)
        assert (await taken(queue, "d")).deliveries == 3

    run(redis_url, story)


def test_withdrawal_takes_one_jobs_tasks_and_leases(redis_url, raw):
    async def story(queue):
        await queue.send([task(0), task(1), task(0, "other")])
        lease = await taken(queue)
        await queue.cancel(UID)
        assert (await queue.waiting(UID), await queue.waiting("other")) == (frozenset(), {0})
        assert not await queue.extend("a", lease)
        assert not await queue.ack("a", lease, done())
        await queue.release("a", lease)
        assert (await taken(queue)).task.uid == "other"
        assert await queue.depth() == 1

    run(redis_url, story)
    assert not raw.exists(redis_keys.items(UID))


def test_withdrawal_before_the_first_worker_came_works(redis_url):
    async def story(queue):
        await queue.send([task(0)])
        await queue.cancel(UID)
        assert await queue.depth() == 0

    run(redis_url, story)


def test_nothing_is_trimmed_by_length(redis_url):
    async def story(queue):
        await queue.send([task(n) for n in range(500)])
        assert await queue.depth() == 500
        assert len(await queue.waiting(UID)) == 500

    run(redis_url, story)


def test_an_entry_that_is_no_task_does_not_stop_the_queue(redis_url, raw):
    async def story(queue):
        raw.xadd(redis_keys.TASKS, {"task": "{", "taken": 0})
        raw.xadd(redis_keys.TASKS, {"something": b"\xff"})
        await queue.send([task()])
        lease = await queue.lease("a", 1)
        assert lease is not None
        assert lease.task == task()
        for _ in range(2):
            assert await queue.lease("a", 0) is None
        assert await queue.depth() == 1

    run(redis_url, story)


def test_an_empty_queue_is_waited_on_for_the_given_time(redis_url):
    async def story(queue):
        started = time.monotonic()
        assert await queue.lease("a", 1.3) is None
        assert time.monotonic() - started > 1.2

    run(redis_url, story)


def test_a_waiting_worker_gets_a_new_task_at_once(redis_url, raw):
    async def story(queue):
        taking = asyncio.create_task(queue.lease("a", 60))
        await until(lambda: raw.info("clients")["blocked_clients"])
        await queue.send([task()])
        assert (await asyncio.wait_for(taking, 30)).task == task()

    run(redis_url, story)


def test_two_workers_never_hold_the_same_task(redis_url):
    async def story(queue):
        await queue.send([task(n) for n in range(50)])
        leases = await asyncio.gather(*(queue.lease(f"w{n}", 0) for n in range(60)))
        indexes = [lease.task.index for lease in leases if lease]
        assert sorted(indexes) == list(range(50))

    run(redis_url, story)


def test_racing_looks_for_the_dead_give_each_task_to_one(redis_url, raw):
    async def story(queue):
        await queue.send([task(n) for n in range(10)])
        for _ in range(10):
            await taken(queue, "dead")
        age(raw)
        leases = await asyncio.gather(*(queue.lease(f"w{n}", 0) for n in range(20)))
        assert sorted(lease.task.index for lease in leases if lease) == list(range(10))

    run(redis_url, story)


def test_workers_are_counted_while_they_take_or_renew(redis_url, raw):
    async def story(queue):
        assert await queue.workers() == 0
        await queue.send([task()])
        lease = await taken(queue, "a")
        await queue.lease("b", 0)
        assert await queue.workers() == 2
        raw.zadd(redis_keys.WORKERS, {"a": 0, "gone": 0})
        assert await queue.workers() == 1
        await queue.extend("a", lease)
        assert await queue.workers() == 2

    run(redis_url, story)


def test_the_group_forgets_consumers_that_are_long_gone_and_hold_nothing(redis_url, raw, monkeypatch):
    def consumers():
        return raw.xinfo_consumers(redis_keys.TASKS, redis_keys.WORKERS_GROUP)

    async def story(queue):
        await queue.send([task()])
        await taken(queue, "holds")
        await queue.lease("idle", 0)
        await until(lambda: all(each["idle"] for each in consumers()))
        await queue.workers()

    monkeypatch.setattr(task_queue, "FORGET_CONSUMER_SECONDS", 0)
    run(redis_url, story)
    assert [each["name"] for each in consumers()] == ["holds"]


@pytest.mark.parametrize("call", ["lease", "send", "depth", "waiting", "cancel", "workers"])
def test_an_absent_redis_is_unavailable_and_soon_so(call):
    port = data_servers.free_ports(["none"])["none"]

    async def story(queue):
        calls = {
            "lease": lambda: queue.lease("a", 5), "send": lambda: queue.send([task()]), "depth": queue.depth,
            "waiting": lambda: queue.waiting(UID), "cancel": lambda: queue.cancel(UID),
            "workers": queue.workers,
        }  # fmt: skip
        with pytest.raises(Unavailable):
            await calls[call]()

    run(f"redis://127.0.0.1:{port}/0", story)


def test_a_full_redis_is_unavailable(redis_url, raw):
    async def story(queue):
        with pytest.raises(Unavailable, match="memory"):
            await queue.send([task()])

    raw.config_set("maxmemory", "1")
    try:
        run(redis_url, story)
    finally:
        raw.config_set("maxmemory", "0")


def test_a_replica_is_unavailable_until_it_is_the_primary_again(redis_url, raw):
    async def story(queue):
        raw.replicaof("127.0.0.1", 1)
        with pytest.raises(Unavailable):
            await queue.send([task()])
        raw.replicaof("NO", "ONE")
        await queue.send([task()])
        assert await queue.depth() == 1

    try:
        run(redis_url, story)
    finally:
        raw.replicaof("NO", "ONE")


def test_a_task_whose_outcome_is_known_is_sent_again_only_for_another_attempt(redis_url):
    async def story(queue):
        await queue.send([task()])
        assert await queue.ack("a", await taken(queue), done())
        await queue.send([task()])
        assert await queue.depth() == 0
        await queue.send([replace(task(), attempt=2)])
        assert await queue.depth() == 1

    run(redis_url, story)
