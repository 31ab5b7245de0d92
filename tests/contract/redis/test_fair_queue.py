"""Whose task is leased next, at a real server. Time is played: a lease is dated back by its task's time."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import redis

from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease
from imagejobs_contract.redis.task_queue import RedisTaskQueue, Sharing
from imagejobs_contract.wire import redis_keys
from imagejobs_contract.wire.tasks import Task

MANY = Sharing(slots=1000)
"""So many workers that no bound is reached."""


@pytest.fixture
def raw(redis_url):
    """A plain client, to look behind the adapter and to break things."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def tasks(caller: str, count: int, job: str = "") -> list[Task]:
    """Return the tasks of one job of a caller."""
    name = f"{caller}-{job}"
    return [
        Task(
            JobKey("default", name), f"uid-{name}", index, Item("a.jpg", "uploads/x/1"), (Variant(),),
            "outputs/x", caller=caller,
        )
        for index in range(count)
    ]  # fmt: skip


Story = Callable[[RedisTaskQueue], Awaitable[None]]


def run(url: str, story: Story, sharing: Sharing = MANY) -> None:
    """Tell a story of one queue and one worker of so many slots."""

    async def told() -> None:
        queue = RedisTaskQueue(url, 10.0, sharing)
        try:
            await story(queue)
        finally:
            await queue.close()

    asyncio.run(told())


async def taken(queue: RedisTaskQueue) -> Lease:
    lease = await queue.lease("w", 0)
    assert lease is not None
    return lease


async def end(queue: RedisTaskQueue, raw: redis.Redis, lease: Lease, milliseconds: int) -> None:
    """End a task that took so long."""
    entry = lease.entry_id
    _, charge, owner = str(raw.hget(redis_keys.LEASED, entry)).split(" ", 2)
    seconds, micros = raw.time()
    raw.hset(redis_keys.LEASED, entry, f"{1000 * seconds + micros // 1000 - milliseconds} {charge} {owner}")
    assert await queue.ack("w", lease, Outcome(lease.task.index, "a.jpg"))


async def work(queue: RedisTaskQueue, raw: redis.Redis, turns: int, cost_ms: dict[str, int]) -> Counter[str]:
    """Let one worker take and end so many tasks; return the number of each caller."""
    counts: Counter[str] = Counter()
    for _ in range(turns):
        lease = await taken(queue)
        counts[lease.task.caller] += 1
        await end(queue, raw, lease, cost_ms[lease.task.caller])
    return counts


async def callers(queue: RedisTaskQueue, count: int) -> str:
    return "".join([(await taken(queue)).task.caller for _ in range(count)])


def test_two_owners_take_turns(redis_url):
    async def story(queue):
        await queue.send(tasks("a", 4))
        await queue.send(tasks("b", 2))
        assert await callers(queue, 6) == "ababaa"

    run(redis_url, story)


def test_one_image_does_not_wait_behind_four_thousand_of_another_caller(redis_url):
    async def story(queue):
        for number in range(250):
            await queue.send(tasks("a", 16, str(number)))
        await queue.send(tasks("b", 1))
        assert "b" in await callers(queue, 2)

    run(redis_url, story)


@pytest.mark.parametrize("caller", ["a", ""], ids=["of one caller", "without keys"])
def test_a_photo_does_not_wait_behind_a_job_of_three_hundred(redis_url, caller):
    async def story(queue):
        await queue.send(tasks(caller, 300, "large"))
        await taken(queue)
        await queue.send(tasks(caller, 1, "photo"))
        found = [(await taken(queue)).task.key.name for _ in range(2)]
        assert f"{caller}-photo" in found

    run(redis_url, story)


def test_the_images_of_one_job_are_taken_in_order(redis_url):
    async def story(queue):
        await queue.send(tasks("a", 5))
        assert [(await taken(queue)).task.index for _ in range(5)] == [0, 1, 2, 3, 4]

    run(redis_url, story)


def test_an_owner_gets_time_not_turns(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("slow", 20))
        await queue.send(tasks("quick", 400))
        counts = await work(queue, raw, 320, {"slow": 3000, "quick": 30})
        # 300 quick ones take as long as three slow ones; the first turn of each is a guess.
        assert 2 <= counts["slow"] <= 5

    run(redis_url, story)


def test_nobody_saves_up_turns_while_away(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 1, "first"))
        await queue.send(tasks("b", 1, "first"))
        await work(queue, raw, 2, {"a": 100, "b": 100})
        await queue.send(tasks("b", 50, "alone"))
        await work(queue, raw, 50, {"b": 100})
        await queue.send(tasks("b", 50, "both"))
        await queue.send(tasks("a", 50, "both"))
        counts = await work(queue, raw, 20, {"a": 100, "b": 100})
        assert abs(counts["a"] - counts["b"]) <= 2

    run(redis_url, story)


def test_a_withdrawn_job_is_paid_for(redis_url, raw):
    async def story(queue):
        for caller in ("a", "b"):
            await queue.send(tasks(caller, 1, "known"))
        await work(queue, raw, 2, {"a": 100, "b": 100})
        for _ in range(3):
            await queue.send(tasks("a", 1, "withdrawn"))
            lease = await taken(queue)
            raw.hset(redis_keys.LEASED, lease.entry_id, f"{int(lease.entry_id[:13]) - 1000} 100 default/a")
            await queue.cancel(lease.task.uid)
        await queue.send(tasks("b", 30))
        await queue.send(tasks("a", 30))
        assert (await work(queue, raw, 8, {"a": 100, "b": 100}))["a"] == 0

    run(redis_url, story)


def test_while_others_wait_an_owner_holds_no_more_than_its_share(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 20))
        held = await callers(queue, 3)
        await queue.send(tasks("b", 20))
        held += await callers(queue, 5)
        assert Counter(held) == {"a": 4, "b": 4}

    run(redis_url, story, Sharing(slots=8, owner_share=0.5))


def test_an_owner_that_is_alone_holds_every_worker(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 8))
        assert await callers(queue, 8) == "a" * 8

    run(redis_url, story, Sharing(slots=8, owner_share=0.5))


async def see(queue: RedisTaskQueue, raw: redis.Redis, caller: str, milliseconds: int) -> None:
    """Let a caller have one image that takes so long."""
    await queue.send(tasks(caller, 1, "before"))
    lease = await taken(queue)
    assert lease.task.caller == caller
    await end(queue, raw, lease, milliseconds)


@pytest.mark.parametrize(
    ("pace_ms", "lately", "held"),
    [(30_000, True, 1), (30_000, False, 2), (30, True, 2)],
    ids=["long, another lately", "long, alone", "short"],
)
def test_long_tasks_leave_a_worker_free_for_those_that_were_here_lately(
    redis_url, raw, pace_ms, lately, held
):
    async def story(queue):
        await see(queue, raw, "a", pace_ms)
        if lately:
            await see(queue, raw, "b", 30)
        await queue.send(tasks("a", 4))
        leases = [await queue.lease("w", 0) for _ in range(2)]
        assert len([each for each in leases if each]) == held
        await queue.send(tasks("b", 1))
        if held == 1:
            assert (await taken(queue)).task.caller == "b"

    run(redis_url, story, Sharing(slots=2))


def test_what_was_held_back_is_taken_when_the_other_was_not_seen_for_long(redis_url, raw):
    async def story(queue):
        await see(queue, raw, "a", 30_000)
        await see(queue, raw, "b", 30)
        await queue.send(tasks("a", 2))
        await taken(queue)
        assert await queue.lease("w", 0) is None
        raw.zadd(redis_keys.SEEN, {"default/b": 0})
        assert (await taken(queue)).task.caller == "a"

    run(redis_url, story, Sharing(slots=2))


def test_an_owner_is_long_again_after_one_long_task_and_short_after_many_short_ones(redis_url, raw):
    async def story(queue):
        await see(queue, raw, "b", 30)
        await queue.send(tasks("a", 60))
        for cost, held in ((30, 2), (30_000, 1), *[(30, 1)] * 20, *[(30, None)] * 20, (30, 2)):
            await end(queue, raw, await taken(queue), cost)
            await queue.send(tasks("b", 1, "seen"))
            await queue.cancel("uid-b-seen")
            leases = [await queue.lease("w", 0) for _ in range(2)]
            if held:
                assert len([each for each in leases if each]) == held
            for each in leases:
                if each:
                    await queue.release("w", each)

    run(redis_url, story, Sharing(slots=2))


def test_a_task_of_a_dead_worker_counts_for_its_owner_once(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 1))
        lease = await taken(queue)
        raw.xclaim(
            redis_keys.TASKS, redis_keys.WORKERS_GROUP, "w", 0, [lease.entry_id], idle=60_000, justid=True
        )
        again = await queue.lease("other", 5)
        assert again is not None
        assert raw.hgetall(redis_keys.RUNNING) == {"default/a": "1"}
        assert await queue.ack("other", again, Outcome(0, "a.jpg"))

    run(redis_url, story)
    assert not raw.exists(redis_keys.RUNNING, redis_keys.LEASED)


def test_a_drained_queue_leaves_nothing_but_accounts(redis_url, raw):
    async def story(queue):
        for caller in ("a", "b"):
            await queue.send(tasks(caller, 3))
        await queue.release("w", await taken(queue))
        await work(queue, raw, 6, {"a": 10, "b": 10})
        assert await queue.lease("w", 0) is None

    run(redis_url, story)
    outcomes = {redis_keys.items(f"uid-{caller}-") for caller in ("a", "b")}
    assert set(raw.keys()) == outcomes | {
        redis_keys.TASKS, redis_keys.DONE, redis_keys.WORKERS, redis_keys.SLOTS, redis_keys.ACCOUNTS,
        redis_keys.SEEN,
    }  # fmt: skip


def test_owners_that_were_not_seen_for_an_hour_are_forgotten(redis_url, raw):
    async def story(queue):
        await see(queue, raw, "a", 10)
        raw.zadd(redis_keys.SEEN, {"default/a": 0})
        await see(queue, raw, "b", 10)

    run(redis_url, story)
    assert set(raw.hkeys(redis_keys.ACCOUNTS)) <= {"", "default/b"}
    assert raw.zrange(redis_keys.SEEN, 0, -1) == ["default/b"]


INDEX = [
    redis_keys.OWNERS, redis_keys.ACCOUNTS, redis_keys.SEEN, redis_keys.LEASED, redis_keys.RUNNING,
    redis_keys.WAKE, redis_keys.SLOTS, f"{redis_keys.JOBS}default/a", f"{redis_keys.LANE}uid-a-",
]  # fmt: skip


@pytest.mark.parametrize("lost", [[each] for each in INDEX] + [INDEX], ids=[*INDEX, "all"])
def test_whatever_is_lost_of_the_order_each_task_ends_once(redis_url, raw, lost):
    async def story(queue):
        await queue.send(tasks("a", 6))
        await queue.send(tasks("b", 6))
        first = [await taken(queue) for _ in range(3)]
        raw.delete(*lost)
        for each in first:
            assert await queue.ack("w", each, Outcome(each.task.index, "a.jpg"))
        ended = [each.task for each in first]
        while lease := await queue.lease("w", 0):
            assert await queue.ack("w", lease, Outcome(lease.task.index, "a.jpg"))
            ended.append(lease.task)
        assert sorted((each.caller, each.index) for each in ended) == [(c, n) for c in "ab" for n in range(6)]
        assert await queue.depth() == 0

    run(redis_url, story)
    assert not raw.exists(redis_keys.RUNNING, redis_keys.LEASED, redis_keys.OWNERS)


def test_tasks_of_an_operator_of_the_release_before_are_taken(redis_url, raw):
    async def story(queue):
        for each in tasks("a", 3):
            raw.xadd(redis_keys.TASKS, {"task": each.to_json(), "taken": 0})
        assert [(await taken(queue)).task.index for _ in range(3)] == [0, 1, 2]

    run(redis_url, story)
    assert raw.hgetall(redis_keys.RUNNING) == {"default/a": "3"}


def test_a_worker_of_the_release_before_takes_what_nobody_has(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 3))
        await taken(queue)
        [(_, found)] = raw.xreadgroup(redis_keys.WORKERS_GROUP, "old", {redis_keys.TASKS: ">"}, 1)
        assert len(found) == 1
        assert (await taken(queue)).task.index == 2

    run(redis_url, story)


def test_a_task_costs_three_calls(redis_url, raw):
    async def story(queue):
        await queue.send(tasks("a", 1, "first"))
        await work(queue, raw, 1, {"a": 1})
        raw.config_resetstat()
        for each in tasks("a", 20):
            await queue.send([each])
        for _ in range(20):
            lease = await taken(queue)
            assert await queue.ack("w", lease, Outcome(lease.task.index, "a.jpg"))
        assert int(raw.info("commandstats")["cmdstat_evalsha"]["calls"]) <= 3 * 20 + 1

    run(redis_url, story)


def test_several_idle_workers_are_called_and_each_gets_one(redis_url):
    async def story(queue):
        waiting = [asyncio.create_task(queue.lease(f"w{number}", 30)) for number in range(3)]
        await queue.lease("w", 0)  # the others asked before
        await queue.send(tasks("a", 3))
        leases = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert sorted(each.task.index for each in leases if each) == [0, 1, 2]

    run(redis_url, story)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_workers_and_redis_do_each_task_ends_once(redis_url, raw, seed):
    """Workers end, release, extend, die; the index loses keys; the operator sends what it misses."""
    chance = random.Random(seed)
    everything = [*tasks("a", 12, "x"), *tasks("a", 1, "y"), *tasks("b", 9), *tasks("", 6)]

    async def story(queue):
        held: list[tuple[str, Lease]] = []
        ended: Counter[tuple[str, int]] = Counter()

        async def send_missing() -> None:
            for uid in {each.uid for each in everything}:
                waiting = await queue.waiting(uid)
                missing = [each for each in everything if each.uid == uid and each.index not in waiting]
                await queue.send([each for each in missing if not ended[each.uid, each.index]])

        async def end_one(worker: str, lease: Lease) -> None:
            if await queue.ack(worker, lease, Outcome(lease.task.index, "a.jpg")):
                ended[lease.task.uid, lease.task.index] += 1

        await send_missing()
        for step in range(150):
            act = chance.choices(["take", "end", "die", "release", "extend", "lose"], [6, 4, 1, 1, 2, 1])[0]
            if act == "take" and (lease := await queue.lease(f"w{step}", 0)):
                held.append((f"w{step}", lease))
            elif act == "lose":
                # Without `sent` the operator does not know that a task is there: it is worked on twice.
                raw.delete(chance.choice([key for key in sorted(raw.keys()) if "ij:sent:" not in key]))
                await send_missing()
            elif held and act in ("end", "die", "release"):
                worker, lease = held.pop(chance.randrange(len(held)))
                if act == "end":
                    await end_one(worker, lease)
                elif act == "release":
                    await queue.release(worker, lease)
                else:
                    expire(raw, worker, lease)
            elif held and act == "extend":
                await queue.extend(*chance.choice(held))
        for worker, lease in held:
            await end_one(worker, lease)
        for turn in range(1000):
            await send_missing()
            lease = await queue.lease(f"last{turn}", 0)
            if lease is None and len(ended) == len(everything):
                break
            if lease:
                await end_one(f"last{turn}", lease)
        assert ended == {(each.uid, each.index): 1 for each in everything}
        assert await queue.depth() == 0

    run(redis_url, story, Sharing(slots=4))
    assert not raw.exists(redis_keys.RUNNING, redis_keys.OWNERS)


def expire(raw: redis.Redis, worker: str, lease: Lease) -> None:
    """Let the lease of a worker that died run out."""
    with contextlib.suppress(redis.ResponseError):  # the group is lost, and the lease with it
        raw.xclaim(
            redis_keys.TASKS, redis_keys.WORKERS_GROUP, worker, 0, [lease.entry_id], idle=60_000, justid=True
        )
