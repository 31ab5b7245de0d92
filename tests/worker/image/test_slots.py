"""Places for images in a worker. The clock is virtual: a sleep ends once nothing else goes on."""

import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.items import Item
from imagejobs_worker.image.fetch import SLOW_SECONDS, Fetcher
from imagejobs_worker.image.slots import IMAGES_AHEAD, IMAGES_BEHIND, MAX_PARKED_IMAGES, Slots
from support.clock import virtual_time

FAR = Item("a.jpg", url="https://images.example.org/a.jpg")


async def acquire_all(slots, most):
    """Acquire slots until none is free; return them."""
    taken = []
    for _ in range(most):
        try:
            taken.append(await asyncio.wait_for(slots.acquire(), 0.01))
        except TimeoutError:
            return taken
    return taken


def test_no_more_is_taken_ahead_than_can_be_fetched_while_one_renders():
    assert len(virtual_time.run(acquire_all(Slots(1), 10))) == 1 + IMAGES_AHEAD


def test_a_rendered_image_makes_room_for_the_next_until_too_many_are_stored():
    async def scenario():
        slots, count = Slots(2), 0
        while taken := await acquire_all(slots, 10):
            count += len(taken)
            for slot in taken:
                slot.mark_rendered()
        return count

    assert virtual_time.run(scenario()) == 2 + IMAGES_AHEAD + IMAGES_BEHIND


def test_a_place_that_is_left_twice_rendered_or_not_gives_back_exactly_itself():
    async def scenario():
        slots = Slots(1)
        for rendered in (True, False, True):
            for _ in range(5):
                with await slots.acquire() as slot:
                    if rendered:
                        slot.mark_rendered()
                        slot.mark_rendered()
        return len(await acquire_all(slots, 10))

    assert virtual_time.run(scenario()) == 1 + IMAGES_AHEAD


def test_a_wait_that_is_cancelled_keeps_no_place():
    async def scenario():
        slots = Slots(1)
        taken = await acquire_all(slots, 10)
        for slot in taken:
            slot.close()
        return len(taken), len(await acquire_all(slots, 10))

    before, after = virtual_time.run(scenario())
    assert before == after


def test_images_that_step_aside_make_room_for_as_many_and_no_more_than_their_bound():
    async def scenario():
        slots, aside = Slots(1), []
        while taken := await acquire_all(slots, 10):
            for slot in taken:
                slot.release()
                slot.release()
            aside += taken
        return len(aside), slots.parked

    assert virtual_time.run(scenario()) == (MAX_PARKED_IMAGES + 1 + IMAGES_AHEAD, MAX_PARKED_IMAGES)


def test_an_image_that_stepped_aside_waits_for_a_place_and_gives_back_exactly_that():
    async def scenario():
        slots = Slots(1)
        with await slots.acquire() as slot:
            slot.release()
            others = await acquire_all(slots, 10)
            assert len(others) == 1 + IMAGES_AHEAD
            back = asyncio.create_task(slot.reacquire())
            await asyncio.sleep(0.01)
            assert not back.done()
            others[0].close()
            await asyncio.wait_for(back, 30)
            await slot.reacquire()
            assert await acquire_all(slots, 10) == []
            others[1].close()
        return slots.parked, len(await acquire_all(slots, 10))

    assert virtual_time.run(scenario()) == (0, 1 + IMAGES_AHEAD)


@pytest.mark.parametrize("how", ["left aside", "cancelled on the way back"])
def test_a_place_that_ends_aside_leaves_no_trace(how):
    async def scenario():
        slots = Slots(1)
        with await slots.acquire() as slot:
            slot.release()
            if how != "left aside":
                others = await acquire_all(slots, 10)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(slot.reacquire(), 0.01)
                for other in others:
                    other.close()
        return slots.parked, len(await acquire_all(slots, 10))

    assert virtual_time.run(scenario()) == (0, 1 + IMAGES_AHEAD)


def test_a_server_that_does_not_answer_keeps_no_place_from_other_images():
    async def scenario():
        slots, silence = Slots(1), asyncio.Event()

        async def silent(url, headers, max_bytes, arrived, caller):
            await silence.wait()
            await arrived()
            raise ImageFailed(code=Code.SOURCE_ERROR)

        async def fetch():
            with await slots.acquire() as slot, pytest.raises(ImageFailed):
                await Fetcher(None, silent, 1000).fetch(FAR, slot)

        fetching = [asyncio.create_task(fetch()) for _ in range(2)]
        await asyncio.sleep(SLOW_SECONDS / 2)
        assert (
            await acquire_all(slots, 10) == []
        )  # those that answer soon are not overtaken: their images would wait here, not be done elsewhere
        others = [await asyncio.wait_for(slots.acquire(), SLOW_SECONDS) for _ in range(1 + IMAGES_AHEAD)]
        silence.set()
        others[0].close()
        await asyncio.wait(fetching, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        assert sum(each.done() for each in fetching) >= 1
        others[1].close()
        await asyncio.wait_for(asyncio.gather(*fetching, return_exceptions=True), 30)
        return slots.parked, len(await acquire_all(slots, 10))

    assert virtual_time.run(scenario()) == (0, 1 + IMAGES_AHEAD)
