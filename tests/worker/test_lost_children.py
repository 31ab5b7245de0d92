"""Pictures that end their decoder, in a real worker over real storage.

Each ends in its code, the others go on, and the worker's memory does not grow.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from support.clock.waiting import eventually, until_read
from support.images import pictures
from support.worker.process import UID, WAIT_SECONDS, task

PHOTO = pictures.saved(pictures.photo(300, 200), "jpeg")
IMAGE_SECONDS = "8"
HEAVY = (Variant(width=5000, enlarge=True, format=Format.AVIF),)
"""Seconds of work for a child, in which it can be found."""
BUSY_TICKS = 60
"""Hundredths of a second that small pictures do not take together."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def facts(pid):
    """Return parent, processor time in ticks and resident pages."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[21])


def children_of(pid):
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [int(each.name)] if facts(each.name)[0] == pid else []
    return found


def zygote_of(worker):
    (zygote,) = children_of(worker.process.pid)
    return zygote


def busy_child(worker):
    """Return the child that works on the heavy picture, once it has done so for a while."""
    zygote, used = zygote_of(worker), dict[int, int]()

    def find():
        ticks = {child: facts(child)[1] for child in children_of(zygote)}
        return [child for child in ticks if ticks[child] - used.setdefault(child, ticks[child]) >= BUSY_TICKS]

    return eventually(find, what="a child is busy")[0]


def held(worker):
    """Return the resident pages of the worker and of its zygote."""
    return [facts(pid)[2] for pid in (worker.process.pid, zygote_of(worker))]


@pytest.fixture
def ended(redis_url, objects):
    """Sends tasks over the same photo and returns their codes."""
    asyncio.run(objects.put("in/photo", PHOTO, content_type="image/jpeg"))

    async def outcomes(tasks, meanwhile):
        queue, board = RedisTaskQueue(redis_url, 1.0), RedisBoard(redis_url)
        await queue.send(tasks)
        await asyncio.to_thread(meanwhile)
        indexes = {each.index for each in tasks}
        found = await until_read(
            lambda: board.outcomes(UID), lambda found: indexes <= found.keys(), 3 * WAIT_SECONDS
        )
        await queue.close()
        await board.close()
        return [found[each.index].code for each in tasks]

    return lambda tasks, meanwhile=lambda: None: asyncio.run(outcomes(tasks, meanwhile))


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGSEGV, Code.INTERNAL_ERROR),
        (signal.SIGKILL, Code.OUT_OF_MEMORY),
        (signal.SIGSTOP, Code.PROCESSING_TIMEOUT),
    ],
    ids=["a crash", "a kill, as when memory ends", "a decoder that never returns"],
)
def test_a_picture_that_ends_its_decoder_fails_alone(workers, ended, number, code):
    worker = workers.pool(MAX_PARALLEL="1", IMAGE_SECONDS=IMAGE_SECONDS)
    small = [task(n, key="in/photo") for n in range(30)]
    assert ended(small[:10]) == [None] * 10
    before = held(worker)
    heavy = [replace(task(100, key="in/photo"), variants=HEAVY, attempts=1)]
    codes = ended([*small[10:15], *heavy, *small[15:20]], lambda: os.kill(busy_child(worker), number))
    assert codes == [*[None] * 5, code, *[None] * 5]
    assert ended(small[20:]) == [None] * 10
    assert all(after <= 1.1 * base for base, after in zip(before, held(worker), strict=True))
    assert len(children_of(zygote_of(worker))) <= 2
    assert all(facts(child)[2] <= 1.1 * held(worker)[1] for child in children_of(zygote_of(worker)))
