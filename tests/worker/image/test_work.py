import asyncio
import logging
import re
from dataclasses import replace

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, Misconfigured, NotFound, TooLarge, Unavailable
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome
from imagejobs_worker.image.fetch import Fetcher
from imagejobs_worker.image.retry import RetryPolicy
from imagejobs_worker.image.slots import Slots
from imagejobs_worker.image.store import OutputStore, OwnershipLost
from imagejobs_worker.image.work import ImageWork
from imagejobs_worker.imaging.picture import Picture, Rendering
from support.clock import virtual_time
from support.worker.process import OURS, task

FAST = RetryPolicy(0.001, 0.002, 0.05)
TASK = task(0, key="in/0")


class Memory:
    """An object store that holds sources and takes results; first raises the given errors."""

    def __init__(self, get=(), put=()):
        self.errors = {"get": list(get), "put": list(put)}
        self.stored = {}

    async def get(self, key, max_bytes):
        if self.errors["get"]:
            raise self.errors["get"].pop(0)
        return b"source", "etag"

    async def put(self, key, data, **options):
        if self.errors["put"]:
            raise self.errors["put"].pop(0)
        self.stored[key] = data
        return "etag"


class Renderer:
    """Makes pictures in `seconds` without looking; first raises the given errors; counts how many work."""

    def __init__(self, errors=(), seconds=0.0):
        self.errors = list(errors)
        self.seconds = seconds
        self.owners = []
        self.busy = self.most = 0

    async def render(self, source, variants, owner=""):
        self.owners.append(owner)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(self.seconds)
        self.busy -= 1
        if self.errors:
            raise self.errors.pop(0)
        return Rendering(
            "jpeg",
            64,
            48,
            1,
            tuple(Picture(each.name, b"result", 16, 12, Format.JPEG, False) for each in variants),
        )


async def no_url(url, headers, max_bytes, arrived, caller):
    raise AssertionError("no URL is asked for")


def do(objects, renderer, a_task=TASK, ownership=OURS):
    """Return the outcome of one image."""

    async def both_halves():
        work = ImageWork(Fetcher(objects, no_url, 1000), OutputStore(objects), [renderer], FAST)
        rendered = await work.render(a_task, await Slots(1).acquire())
        return rendered if isinstance(rendered, Outcome) else await work.store(a_task, rendered, ownership)

    return virtual_time.run(both_halves())


def test_an_image_goes_from_source_to_outcome():
    objects = Memory()
    outcome = do(objects, Renderer())
    assert outcome.succeeded
    assert (outcome.index, outcome.name, outcome.bytes_in) == (0, "photo-0.jpg", 6)
    assert objects.stored == {outcome.outputs[0].key: b"result"}


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([NotFound()], Code.SOURCE_NOT_FOUND),
        ([TooLarge()], Code.FILE_TOO_LARGE),
        ([Unavailable()] * 1000, Code.STORAGE_ERROR),
        ([Unavailable()] * 3, None),
    ],
    ids=["missing", "too large", "storage away for long", "storage away for a moment"],
)
def test_what_s3_says_of_a_source_becomes_a_code(errors, code):
    outcome = do(Memory(get=errors), Renderer())
    assert outcome.code is code
    assert code is not Code.FILE_TOO_LARGE or re.search("larger than [0-9]+ bytes", outcome.message)


@pytest.mark.parametrize(
    ("errors", "code"),
    [([Unavailable()] * 3, None), ([Unavailable()] * 1000, Code.STORAGE_ERROR)],
    ids=["a moment", "long"],
)
def test_a_result_is_stored_again_until_the_patience_ends(errors, code):
    renderer = Renderer()
    assert do(Memory(put=errors), renderer).code is code
    assert len(renderer.owners) == 1


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        (Code.CORRUPT_IMAGE, 1),
        (Code.TOO_MANY_PIXELS, 1),
        (Code.PROCESSING_TIMEOUT, 1),
        (Code.INTERNAL_ERROR, 3),
    ],
)
def test_only_failures_that_can_pass_are_rendered_again(code, calls):
    renderer = Renderer([ImageFailed("as it is", code=code)] * 5)
    outcome = do(Memory(), renderer)
    assert (outcome.code, outcome.message, len(renderer.owners)) == (code, "as it is", calls)


def test_a_child_that_died_once_is_tried_again():
    assert do(Memory(), Renderer([ImageFailed(code=Code.INTERNAL_ERROR)])).succeeded


@pytest.mark.parametrize(
    "objects",
    [Memory(get=[ZeroDivisionError()]), Memory(put=[ZeroDivisionError()])],
    ids=["first half", "second half"],
)
def test_an_unexpected_error_is_logged_and_ends_as_internal_error(objects, caplog):
    with caplog.at_level(logging.ERROR):
        outcome = do(objects, Renderer())
    assert (outcome.code, outcome.message) == (Code.INTERNAL_ERROR, "unexpected: ZeroDivisionError")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "objects",
    [Memory(get=[Misconfigured()]), Memory(put=[Misconfigured()])],
    ids=["first half", "second half"],
)
def test_wrong_credentials_are_nobodys_outcome(objects):
    with pytest.raises(Misconfigured):
        do(objects, Renderer())


def test_work_that_was_taken_over_is_nobodys_outcome():
    class Taken(Memory):
        async def put(self, key, data, **options):
            raise OwnershipLost

    with pytest.raises(OwnershipLost):
        do(Taken(), Renderer())


def test_a_child_works_for_one_caller_in_one_namespace():
    renderer = Renderer()
    for key, caller in ((TASK.key, ""), (TASK.key, "ada"), (TASK.key._replace(namespace="team-a"), "ada")):
        do(Memory(), renderer, replace(TASK, key=key, caller=caller))
    assert renderer.owners == ["default/", "default/ada", "team-a/ada"]


def test_each_renderer_has_one_image_at_a_time():
    renderers = [Renderer(seconds=0.02), Renderer(seconds=0.02)]

    async def six():
        objects = Memory()
        work = ImageWork(Fetcher(objects, no_url, 1000), OutputStore(objects), renderers, FAST)
        slots = [await Slots(1).acquire() for _ in range(6)]
        await asyncio.gather(*(work.render(task(index, key="in"), slot) for index, slot in enumerate(slots)))

    asyncio.run(six())
    assert [renderer.most for renderer in renderers] == [1, 1]
    assert sum(len(renderer.owners) for renderer in renderers) == 6
