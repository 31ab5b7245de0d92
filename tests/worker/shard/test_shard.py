import asyncio
import signal

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import Exit, Work, cut, offsets_json
from imagejobs_worker.image.slots import MAX_PARKED_IMAGES
from support.clock.waiting import eventually
from support.worker.process import SMALL, UID, picture


def lay_out(objects, lines, shards=1, sources=None):
    """Put a job's files into S3 as the operator does."""
    lines = [f"{line}\n".encode() for line in lines]
    files = {
        s3_keys.spec(UID): Work(SMALL, "outputs/holiday", 3, len(lines), sources=sources).to_json().encode(),
        s3_keys.offsets(UID): offsets_json(cut([len(line) for line in lines], shards)).encode(),
        s3_keys.manifest(UID): b"".join(lines),
    }

    async def put():
        for key, data in files.items():
            await objects.put(key, data, content_type="application/json")

    asyncio.run(put())


def urls(site, count):
    """Return manifest lines for photos of a site."""
    for index in range(count):
        site.bodies[f"/{index}"] = picture(64 + index)
    return [f'{{"name": "photo-{index}.jpg", "url": "{site.url(f"/{index}")}"}}' for index in range(count)]


def results(objects, shard=0):
    """Return the outcomes that lie in S3."""
    data, _ = asyncio.run(objects.get(s3_keys.results(UID, shard), 10**7))
    return [Outcome.from_line(line) for line in data.splitlines()]


def wait_for_results(objects, count):
    key = s3_keys.results(UID, 0)
    eventually(lambda: asyncio.run(objects.head(key)) and len(results(objects)) >= count)


def counts(redis_url):
    async def once():
        board = RedisBoard(redis_url)
        try:
            return await board.counts(UID), await board.outcomes(UID)
        finally:
            await board.close()

    return asyncio.run(once())


def test_a_shard_does_its_slice_and_says_so(workers, objects, site, redis_url):
    lay_out(objects, urls(site, 5), shards=2)
    assert workers.shard(1).exit_code() == Exit.DONE
    assert [(each.index, each.code) for each in results(objects, 1)] == [(2, None), (3, None), (4, None)]
    board, outcomes = counts(redis_url)
    assert (board.total, board.active, board.succeeded, board.failed) == (5, 0, 3, 0)
    assert sorted(outcomes) == [2, 3, 4]
    assert not any(site.requests[f"/{index}"] for index in (0, 1))


def test_failed_images_are_named_and_the_shard_is_done(workers, objects, site, redis_url):
    lay_out(objects, [*urls(site, 2), '{"key": "in/missing"}', "broken"])
    site.bodies["/1"] = b"no image"
    assert workers.shard().exit_code() == Exit.DONE
    assert [each.code for each in results(objects)] == [
        None,
        Code.NOT_AN_IMAGE,
        Code.SOURCE_NOT_FOUND,
        Code.INVALID_OPTIONS,
    ]
    assert (counts(redis_url)[0].succeeded, counts(redis_url)[0].failed) == (1, 3)


def test_a_callers_list_opens_nothing_that_the_caller_may_not_read(workers, objects, site):
    """Files of others are refused though they exist; own files and URLs are read."""
    secrets = [
        "uploads/default.blog.j1m8/0/a.jpg",
        "outputs/theirs/a.jpg",
        "jobs/u/spec.json",
        "photos/../outputs/theirs/a.jpg",
        "secret/a.jpg",
    ]
    own = ["uploads/default.shop.j1m8/0/a.jpg", "photos/a.jpg"]

    async def put():
        for key in (*secrets[:3], *own, "secret/a.jpg"):
            await objects.put(key, picture(), content_type="image/jpeg")

    asyncio.run(put())
    lines = [f'{{"name": "{n}.jpg", "key": "{key}"}}' for n, key in enumerate(secrets + own)]
    lay_out(objects, [*lines, *urls(site, 1), "[" * 9000], sources=("uploads/default.shop.", "photos/"))
    assert workers.shard().exit_code() == Exit.DONE
    assert [each.code for each in results(objects)] == [Code.SOURCE_FORBIDDEN] * 5 + [None] * 3 + [
        Code.INVALID_OPTIONS
    ]


def test_a_killed_shard_goes_on_from_its_checkpoint(workers, objects, site):
    lay_out(objects, urls(site, 6))
    site.hold("/4")
    victim = workers.shard(CHECKPOINT_SECONDS="0.1")
    site.wait_for_requests("/4")
    wait_for_results(objects, 4)
    victim.kill()
    site.release("/4")
    assert workers.shard().exit_code() == Exit.DONE
    assert [each.index for each in results(objects)] == list(range(6))
    assert [site.requests[f"/{index}"] for index in range(5)] == [1, 1, 1, 1, 2]


def test_work_without_a_checkpoint_is_repeated_into_the_same_outputs(workers, objects, site):
    lay_out(objects, urls(site, 3))
    site.hold("/2")
    victim = workers.shard(CHECKPOINT_SECONDS="60")
    before = eventually(lambda: asyncio.run(objects.head("outputs/holiday/photo-1.jpg")))
    victim.kill()
    site.release("/2")
    assert workers.shard().exit_code() == Exit.DONE
    assert [each.succeeded for each in results(objects)] == [True] * 3
    assert asyncio.run(objects.head("outputs/holiday/photo-1.jpg")) == before


def test_a_retry_of_the_job_runs_the_failed_images_only(workers, objects, site):
    lay_out(objects, urls(site, 3))
    site.bodies["/1"] = [b"no image", picture()]
    assert workers.shard(attempt=1).exit_code() == Exit.DONE
    assert workers.shard(attempt=2).exit_code() == Exit.DONE
    assert [(each.index, each.attempt, each.code) for each in results(objects)] == [
        (0, 1, None),
        (1, 2, None),
        (2, 1, None),
    ]
    assert [site.requests[f"/{index}"] for index in range(3)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("signals", "grace", "finishes"),
    [(1, "60", True), (1, "0.1", False), (2, "60", False)],
    ids=["finishes", "grace over", "asked twice"],
)
def test_sigterm_leaves_a_checkpoint(workers, objects, site, redis_url, signals, grace, finishes):
    count = MAX_PARKED_IMAGES + 10  # more than are begun while servers are slow
    lay_out(objects, urls(site, count))
    held = [f"/{index}" for index in range(3, count)]
    for path in held:
        site.hold(path)
    pod = workers.shard(CHECKPOINT_SECONDS="60", GRACE_SECONDS=grace)
    site.wait_for_requests("/3")
    eventually(lambda: (told := counts(redis_url)[0]) and told.succeeded == 3)
    for _ in range(signals):
        pod.send(signal.SIGTERM)
    for path in held if finishes else ():
        site.release(path)
    assert pod.exit_code() == Exit.LOST
    begun = [index for index in range(count) if site.requests[f"/{index}"]]
    assert [each.index for each in results(objects)] == (begun if finishes else [0, 1, 2])
    for path in () if finishes else held:
        site.release(path)
    assert workers.shard().exit_code() == Exit.DONE
    assert [each.index for each in results(objects)] == list(range(count))


def test_of_two_pods_with_one_index_one_result_is_left(workers, objects, site):
    lay_out(objects, urls(site, 4))
    site.bodies["/2"] = [picture(), b"no image for the second pod"]
    site.hold("/3")
    pods = [workers.shard(CHECKPOINT_SECONDS="60") for _ in range(2)]
    site.wait_for_requests("/3", 2)
    site.release("/3")
    assert sorted(pod.exit_code() for pod in pods) == [Exit.DONE, Exit.LOST]
    assert [each.index for each in results(objects)] == list(range(4))


def test_a_pod_that_was_stopped_for_long_gives_up_when_another_has_the_shard(workers, objects, site):
    lay_out(objects, urls(site, 2))
    site.bodies["/1"] = [b"no image for the zombie", picture()]
    site.hold("/1")
    zombie = workers.shard(CHECKPOINT_SECONDS="0.1")
    site.wait_for_requests("/1")
    wait_for_results(objects, 1)
    zombie.send(signal.SIGSTOP)
    heir = workers.shard()
    site.wait_for_requests("/1", 2)
    site.release("/1")
    assert heir.exit_code() == Exit.DONE
    before = asyncio.run(objects.get(s3_keys.results(UID, 0), 10**6))
    zombie.send(signal.SIGCONT)
    assert zombie.exit_code() == Exit.LOST
    assert asyncio.run(objects.get(s3_keys.results(UID, 0), 10**6)) == before


def test_a_shard_needs_no_redis(workers, objects, site):
    lay_out(objects, urls(site, 2))
    assert workers.shard(REDIS_URL="redis://127.0.0.1:9/0").exit_code() == Exit.DONE
    assert len(results(objects)) == 2


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, Exit.MISCONFIGURED),
        ({"S3_BUCKET": "no-such-bucket"}, Exit.MISCONFIGURED),
        ({"MAX_PARALLEL": "many"}, Exit.MISCONFIGURED),
        ({"JOB_COMPLETION_INDEX": "7"}, Exit.POISON),
    ],
    ids=["wrong credentials", "no bucket", "bad setting", "no such shard"],
)
@pytest.mark.usefixtures("refusing_s3")
def test_what_a_repeat_cannot_help_has_an_exit_code_of_its_own(workers, objects, site, environ, code):
    lay_out(objects, urls(site, 1))
    assert workers.shard(**environ).exit_code() == code


def test_a_shard_whose_files_are_missing_is_poison(workers):
    assert workers.shard().exit_code() == Exit.POISON


def test_a_shard_that_is_done_already_writes_nothing(workers, objects, site):
    lay_out(objects, urls(site, 1))
    done = Outcome(0, "photo-0.jpg").to_line().encode() + b"\n"
    etag = asyncio.run(objects.put(s3_keys.results(UID, 0), done, content_type="application/x-ndjson"))
    assert workers.shard().exit_code() == Exit.DONE
    assert asyncio.run(objects.head(s3_keys.results(UID, 0))).etag == etag
    assert site.requests["/0"] == 0
