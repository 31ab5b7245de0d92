"""Processes are killed with -9 and Redis is emptied: every image of an accepted batch has one outcome."""

import signal
from collections.abc import Iterator, Sequence
from os import kill

import obstore
import pytest
import redis

from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.local_stack import LocalStack, photo, running

BATCHES = 5
PER_BATCH = 40
PARTS = ("imagejobs_api", "imagejobs_operator", "imagejobs_worker", "valkey-server", "weed")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def stack(tmp_path) -> Iterator[LocalStack]:
    with running(tmp_path / "data", "--workers", "2") as started:
        yield started


def photos(number: int, count: int = PER_BATCH) -> dict[str, bytes]:
    """Return the files of a batch. Made before anything is sent: it takes longer than the work on them."""
    return {f"{number}-{n}.jpg": photo(seed=number * count + n) for n in range(count)}


def send(stack: LocalStack, files: dict[str, bytes]) -> list[str]:
    """Post a batch and return the ids: the batch's own first."""
    with local_stack.client(stack) as client:
        batch = client.batch(files, width=200)
    return [batch["batch_job_id"], *(each["job_id"] for each in batch["image_jobs"])]


def kill_everything(stack: LocalStack) -> None:
    """Kill -9 all processes in the middle of the work, and start again."""
    stack.kill()
    stack.start()
    assert "unfinished, going on" in stack.terminal_output()


def check(stack: LocalStack, batches: Sequence[Sequence[str]]) -> None:
    """Every batch succeeded, with as many outcomes and results as images, and each image has its picture."""
    bucket = local_stack.bucket(stack)
    with local_stack.client(stack) as client:
        for batch, *images in batches:
            ended = client.wait_until_final(batch, 60)
            assert (ended["state"], ended["total"], ended["done"], ended["failed"]) == (
                "Succeeded",
                len(images),
                len(images),
                0,
            )
            assert sum(
                f"default.{batch}." in each["path"]
                for page in obstore.list(bucket, prefix="outputs/")
                for each in page
            ) == len(images)
            for image in images:
                assert local_stack.download(client, image).width == 200


def test_200_photos_survive_three_kills_of_everything(stack):
    made = [photos(number) for number in range(BATCHES)]
    sent = [send(stack, made[0]), send(stack, made[1])]
    kill_everything(stack)
    sent += [send(stack, made[2]), send(stack, made[3])]
    kill_everything(stack)
    # A quick machine would finish one batch alone before the kill: a frozen operator ends no job.
    kill(stack.part("imagejobs_operator"), signal.SIGSTOP)
    sent.append(send(stack, made[4]))
    kill_everything(stack)
    check(stack, sent)
    assert len({image for _, *images in sent for image in images}) == BATCHES * PER_BATCH


def test_every_part_may_be_killed_alone_and_comes_back(stack):
    sent = []
    for number, part in enumerate(PARTS):
        sent.append(send(stack, photos(number, 12)))
        kill(stack.part(part), signal.SIGKILL)
        eventually(stack.is_ready, seen=stack.terminal_output)
    check(stack, sent)


def test_an_emptied_redis_loses_no_job_and_no_outcome(stack):
    sent = [send(stack, photos(number, 20)) for number in range(2)]
    with redis.Redis.from_url(stack.redis_url) as board:
        for _ in range(3):
            board.flushall()
            sent.append(send(stack, photos(len(sent), 8)))
    check(stack, sent)
