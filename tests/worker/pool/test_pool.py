import asyncio
import random
import signal
import time
from dataclasses import replace

import pytest
import redis

from conftest import missing
from imagejobs_contract.codes import Code
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.wire import redis_keys
from imagejobs_worker.pool.leases import EXTENSIONS_PER_LEASE
from imagejobs_worker.pool.pool import reject_task
from support.clock.waiting import eventually
from support.servers import data_servers
from support.worker.process import UID, WAIT_SECONDS, picture, task

LEASE_SECONDS = 1.0


class Queue:
    """The operator's side of the queue, for tests that are not asynchronous."""

    def __init__(self, url):
        self.url = url

    def call(self, name, *arguments, kind=RedisTaskQueue):
        async def once():
            client = kind(self.url, LEASE_SECONDS) if kind is RedisTaskQueue else kind(self.url)
            try:
                return await getattr(client, name)(*arguments)
            finally:
                await client.close()

        return asyncio.run(once())

    def send(self, *tasks):
        self.call("send", tasks)

    def outcomes(self, count, uid=UID):
        """Wait for so many outcomes and return them."""
        found = {}

        def are_there():
            found.update(self.call("outcomes", uid, kind=RedisBoard))
            return len(found) >= count

        eventually(are_there, WAIT_SECONDS, what=f"{count} outcomes", seen=lambda: found)
        return found

    def wait_for_renewals(self, count):
        """Wait until leases were renewed so often."""
        with redis.Redis.from_url(self.url) as client:

            def claims():
                return client.info("commandstats").get("cmdstat_xclaim", {"calls": 0})["calls"]

            enough = claims() + count
            eventually(lambda: claims() >= enough, seen=claims)

    def depth(self):
        return self.call("depth")

    def finishes(self):
        """Return the job and the index of each outcome, as often as it was recorded.

        What a pod of an earlier test sent when it was killed may come late: its entries have no outcome.
        """
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            entries = [fields for _, fields in client.xrange(redis_keys.DONE) if "outcome" in fields]
        return sorted((each["uid"], Outcome.from_line(each["outcome"]).index) for each in entries)

    def flush(self):
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture
def queue(redis_url):
    return Queue(redis_url)


def put_sources(objects, count):
    async def put():
        for index in range(count):
            await objects.put(f"in/{index}", picture(64 + index), content_type="image/jpeg")

    asyncio.run(put())


def output(objects, index=0):
    """Return a result's bytes and ETag."""
    return asyncio.run(objects.get(f"outputs/holiday/photo-{index}.jpg", 10**6))


def test_an_image_is_taken_made_and_reported(workers, queue, objects):
    put_sources(objects, 1)
    workers.pool()
    queue.send(task(0, key="in/0"))
    outcome = queue.outcomes(1)[0]
    assert outcome.succeeded
    assert (outcome.outputs[0].width, outcome.outputs[0].key) == (16, "outputs/holiday/photo-0.jpg")
    assert len(output(objects)[0]) == outcome.outputs[0].bytes
    assert queue.depth() == 0


def test_bad_images_end_as_named_failures_among_good_ones(workers, queue, objects, site):
    put_sources(objects, 1)
    asyncio.run(objects.put("in/text", b"no image at all", content_type="image/jpeg"))
    asyncio.run(objects.put("in/cut", picture(640, 480)[:-200], content_type="image/jpeg"))
    site.bodies["/photo"] = picture()
    workers.pool()
    queue.send(
        task(0, key="in/0"),
        task(1, key="in/text"),
        task(2, key="in/cut"),
        task(3, key="in/missing"),
        task(4, url=site.url("/photo")),
        task(5, url=site.url("/missing")),
        task(6, url="http://127.0.0.2:1/"),
        task(7, url="http://169.254.169.254/latest/meta-data/"),
    )
    codes = {index: outcome.code for index, outcome in queue.outcomes(8).items()}
    assert codes == {
        0: None,
        1: Code.NOT_AN_IMAGE,
        2: Code.CORRUPT_IMAGE,
        3: Code.SOURCE_NOT_FOUND,
        4: None,
        5: Code.SOURCE_NOT_FOUND,
        6: Code.SOURCE_FORBIDDEN,
        7: Code.SOURCE_FORBIDDEN,
    }


def test_work_of_a_killed_worker_runs_again_and_ends_once(workers, queue, site):
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    victim = workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    workers.pool()
    victim.kill()
    site.release("/photo")
    assert queue.outcomes(1)[0].succeeded
    assert (site.requests["/photo"], queue.finishes(), queue.depth()) == (2, [(UID, 0)], 0)


def test_workers_that_are_killed_at_random_lose_and_double_nothing(workers, queue, objects):
    count, chance = 30, random.Random(5)
    put_sources(objects, count)
    running = [workers.pool(), workers.pool()]
    queue.send(*(task(index, key=f"in/{index}", attempts=10) for index in range(count)))
    for turn in range(5):
        time.sleep(chance.uniform(0.0, 0.15))  # any moment is under test
        running[turn % 2].kill()
        running[turn % 2] = workers.pool()
    outcomes = queue.outcomes(count)
    assert sorted(outcomes) == list(range(count))
    assert all(outcome.succeeded for outcome in outcomes.values())
    assert (queue.finishes(), queue.depth()) == ([(UID, index) for index in range(count)], 0)
    assert all(len(output(objects, index)[0]) == outcomes[index].outputs[0].bytes for index in outcomes)


def test_a_worker_that_was_stopped_for_long_overwrites_nothing(workers, queue, objects, site):
    site.bodies["/photo"] = [picture(), picture(colour="blue"), picture(640, 640)]
    site.hold("/photo")
    zombie = workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    zombie.send(signal.SIGSTOP)
    workers.pool()
    site.wait_for_requests("/photo", 2)
    site.release("/photo")
    outcome = queue.outcomes(1)[0]
    before = output(objects)
    zombie.send(signal.SIGCONT)
    # It learns that when it next extends its lease, or asks before it stores, if the picture is done by then.
    learned = {"lease lost", "work taken over"}
    eventually(lambda: learned & {line["event"] for line in zombie.events()}, seen=zombie.log.read_text)
    zombie.send(signal.SIGTERM)
    assert zombie.exit_code() == 0, "it does nothing any more"
    assert output(objects) == before
    assert queue.outcomes(1)[0] == outcome
    assert queue.finishes() == [(UID, 0)]


def test_a_lease_is_renewed_while_an_image_takes_longer_than_it(workers, queue, site):
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    for _ in range(2):
        workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    queue.wait_for_renewals(3 * EXTENSIONS_PER_LEASE)
    site.release("/photo")
    assert queue.outcomes(1)[0].succeeded
    assert site.requests["/photo"] == 1


def test_when_asked_to_stop_an_image_in_hand_is_finished(workers, queue, site):
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    worker = workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    worker.send(signal.SIGTERM)
    site.release("/photo")
    assert worker.exit_code() == 0
    assert queue.outcomes(1)[0].succeeded


@pytest.mark.parametrize(
    ("signals", "grace"), [(1, "0.2"), (2, "60")], ids=["after the grace", "at once when asked twice"]
)
def test_when_asked_to_stop_what_takes_too_long_is_handed_back_uncounted(
    workers, queue, site, signals, grace
):
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    worker = workers.pool(GRACE_SECONDS=grace)
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    for _ in range(signals):
        worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0
    lease = queue.call("lease", "another", 0.1)
    assert (lease.task.index, lease.deliveries) == (0, 1)
    site.release("/photo")


def test_an_idle_worker_stops_at_once(workers):
    worker = workers.pool(GRACE_SECONDS="600")
    worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0


def test_an_image_that_killed_its_worker_too_often_is_a_named_failure(workers, queue, site):
    site.bodies["/poison"] = picture()
    site.hold("/poison")
    queue.send(task(0, url=site.url("/poison"), attempts=2))
    for deaths in (1, 2):
        victim = workers.pool(LEASE_SECONDS="0.5")
        site.wait_for_requests("/poison", deaths)
        victim.kill()
    workers.pool(LEASE_SECONDS="0.5")
    outcome = queue.outcomes(1)[0]
    assert (outcome.code, outcome.message) == (Code.INTERNAL_ERROR, "the worker died 2 times with this image")
    site.release("/poison")


def test_a_redis_that_forgets_everything_costs_a_repeat_only(workers, queue, objects, site):
    site.bodies["/photo"] = [picture(), picture(colour="blue")]
    site.hold("/photo")
    worker = workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    queue.flush()
    queue.send(task(0, url=site.url("/photo")))
    site.release("/photo")
    assert queue.outcomes(1)[0].succeeded
    assert (queue.finishes(), queue.depth()) == ([(UID, 0)], 0)
    assert worker.process.poll() is None


def test_a_redis_that_dies_and_comes_back_empty_costs_a_repeat_only(workers, objects, site, tmp_path):
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey() or missing("valkey-server"))
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    worker = workers.pool(REDIS_URL=server.url("redis", "redis"), LEASE_SECONDS="10")
    queue = Queue(server.url("redis", "redis"))
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    server.stop()
    site.release("/photo")
    worker.wait_for_event("outcome not recorded yet")
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey(), port=server.ports["redis"])
    queue.send(task(0, url=site.url("/photo")))
    assert queue.outcomes(1)[0].succeeded
    assert (queue.finishes(), queue.depth()) == ([(UID, 0)], 0)
    server.stop()


def test_work_that_may_have_been_taken_from_us_while_redis_was_away_is_not_stored(
    workers, objects, site, tmp_path
):
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey() or missing("valkey-server"))
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    worker = workers.pool(REDIS_URL=server.url("redis", "redis"))
    queue = Queue(server.url("redis", "redis"))
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    server.stop()
    # Each is a third of a lease after the one before: the lease has run out.
    worker.wait_for_event("lease not renewed", EXTENSIONS_PER_LEASE + 1)
    site.release("/photo")
    worker.wait_for_event("not stored yet")
    # Empty, as if the operator had withdrawn the job's tasks meanwhile.
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey(), port=server.ports["redis"])
    queue.send(task(1, url=site.url("/photo")))
    assert queue.outcomes(1)[1].succeeded
    eventually(lambda: {"lease lost", "work taken over"} & {line["event"] for line in worker.events()})
    assert [asyncio.run(objects.head(f"outputs/holiday/photo-{index}.jpg")) is None for index in (0, 1)] == [
        True,
        False,
    ]
    server.stop()


def test_a_redis_that_is_silent_for_longer_than_a_lease_makes_nothing_run_twice(workers, site, tmp_path):
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey() or missing("valkey-server"))
    site.bodies["/photo"] = picture()
    site.hold("/photo")
    workers.pool(REDIS_URL=server.url("redis", "redis"))
    queue = Queue(server.url("redis", "redis"))
    queue.send(task(0, url=site.url("/photo")))
    site.wait_for_requests("/photo")
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * LEASE_SECONDS)  # the silence is under test
    server.process.send_signal(signal.SIGCONT)
    queue.wait_for_renewals(2)
    site.release("/photo")
    assert queue.outcomes(1)[0].succeeded
    assert (site.requests["/photo"], queue.finishes(), queue.depth()) == (1, [(UID, 0)], 0)
    server.stop()


def test_a_result_of_forgotten_work_is_found_and_not_made_twice(workers, queue, objects, site):
    site.bodies["/photo"] = [picture(), picture(640, 640, "blue")]
    workers.pool()
    queue.send(task(0, url=site.url("/photo")))
    first = queue.outcomes(1)[0]
    before = output(objects)
    queue.flush()
    queue.send(task(0, url=site.url("/photo")))
    assert queue.outcomes(1)[0].outputs == first.outputs
    assert output(objects) == before


def test_a_source_that_fails_once_is_tried_again_and_one_that_is_forbidden_is_not(workers, queue, site):
    site.bodies["/flaky"] = [503, picture()]
    workers.pool()
    queue.send(task(0, url=site.url("/flaky")), task(1, url=site.url("/missing")))
    codes = {index: outcome.code for index, outcome in queue.outcomes(2).items()}
    assert codes == {0: None, 1: Code.SOURCE_NOT_FOUND}
    assert (site.requests["/flaky"], site.requests["/missing"]) == (2, 1)


@pytest.mark.usefixtures("refusing_s3")
def test_wrong_credentials_burn_no_attempts(workers, queue, objects):
    put_sources(objects, 1)
    broken = workers.pool(AWS_SECRET_ACCESS_KEY="wrong")
    queue.send(task(0, key="in/0", attempts=1))
    broken.wait_for_event("storage does not take our settings")
    workers.pool()
    broken.kill()
    assert queue.outcomes(1)[0].succeeded


def test_a_worker_waits_for_a_redis_that_is_not_there_and_stops_when_asked(workers):
    worker = workers._start("pool", {"REDIS_URL": "redis://127.0.0.1:9/0"})
    worker.wait_for_event("queue unavailable")
    worker.send(signal.SIGTERM)
    assert worker.exit_code() == 0


@pytest.mark.parametrize(
    ("deliveries", "age_seconds", "code"),
    [
        (1, 0.0, None),
        (3, 0.0, None),
        (4, 0.0, Code.INTERNAL_ERROR),
        (1, 100.0, None),
        (1, 100.5, Code.QUEUE_TIMEOUT),
        (4, 100.5, Code.INTERNAL_ERROR),
    ],
    ids=["fresh", "last try", "tried too often", "in time", "late", "both"],
)
def test_a_task_that_is_not_worth_working_on_is_rejected(deliveries, age_seconds, code):
    late = replace(task(0, key="in/0"), lifetime_seconds=100.0)
    outcome = reject_task(Lease(late, "1-0", deliveries, age_seconds))
    assert (outcome and outcome.code) == code
