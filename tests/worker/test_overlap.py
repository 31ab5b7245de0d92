import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.items import Item
from imagejobs_worker.fetch import SLOW_SECONDS, Fetch
from imagejobs_worker.overlap import AHEAD, ASIDE, BEHIND, Overlap

FAR = Item("a.jpg", url="https://images.example.org/a.jpg")


async def places(overlap, most):
    """Take places until there is none; return them."""
    taken = []
    for _ in range(most):
        try:
            taken.append(await asyncio.wait_for(overlap.place(), 0.01))
        except TimeoutError:
            return taken
    return taken


def test_no_more_is_taken_ahead_than_can_be_fetched_while_one_renders():
    assert len(asyncio.run(places(Overlap(1), 10))) == 1 + AHEAD


def test_a_rendered_image_makes_room_for_the_next_until_too_many_are_stored():
    async def scenario():
        overlap, count = Overlap(2), 0
        while taken := await places(overlap, 10):
            count += len(taken)
            for place in taken:
                place.rendered()
        return count

    assert asyncio.run(scenario()) == 2 + AHEAD + BEHIND


def test_a_place_that_is_left_twice_rendered_or_not_gives_back_exactly_itself():
    async def scenario():
        overlap = Overlap(1)
        for rendered in (True, False, True):
            for _ in range(5):
                with await overlap.place() as place:
                    if rendered:
                        place.rendered()
                        place.rendered()
        return len(await places(overlap, 10))

    assert asyncio.run(scenario()) == 1 + AHEAD


def test_a_wait_that_is_cancelled_keeps_no_place():
    async def scenario():
        overlap = Overlap(1)
        taken = await places(overlap, 10)
        for place in taken:
            place.leave()
        return len(taken), len(await places(overlap, 10))

    before, after = asyncio.run(scenario())
    assert before == after


def test_images_that_step_aside_make_room_for_as_many_and_no_more_than_their_bound():
    async def scenario():
        overlap, aside = Overlap(1), []
        while taken := await places(overlap, 10):
            for place in taken:
                place.step_aside()
                place.step_aside()
            aside += taken
        return len(aside), overlap.aside

    assert asyncio.run(scenario()) == (ASIDE + 1 + AHEAD, ASIDE)


def test_an_image_that_stepped_aside_waits_for_a_place_and_gives_back_exactly_that():
    async def scenario():
        overlap = Overlap(1)
        with await overlap.place() as place:
            place.step_aside()
            others = await places(overlap, 10)
            assert len(others) == 1 + AHEAD
            back = asyncio.create_task(place.come_back())
            await asyncio.sleep(0.01)
            assert not back.done()
            others[0].leave()
            await asyncio.wait_for(back, 30)
            await place.come_back()
            assert await places(overlap, 10) == []
            others[1].leave()
        return overlap.aside, len(await places(overlap, 10))

    assert asyncio.run(scenario()) == (0, 1 + AHEAD)


@pytest.mark.parametrize("how", ["left aside", "cancelled on the way back"])
def test_a_place_that_ends_aside_leaves_no_trace(how):
    async def scenario():
        overlap = Overlap(1)
        with await overlap.place() as place:
            place.step_aside()
            if how != "left aside":
                others = await places(overlap, 10)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(place.come_back(), 0.01)
                for other in others:
                    other.leave()
        return overlap.aside, len(await places(overlap, 10))

    assert asyncio.run(scenario()) == (0, 1 + AHEAD)


def test_a_server_that_does_not_answer_keeps_no_place_from_other_images():
    async def scenario():
        overlap, silence = Overlap(1), asyncio.Event()

        async def silent(url, max_bytes, arrived):
            await silence.wait()
            await arrived()
            raise ImageFailed(code=Code.SOURCE_ERROR)

        async def fetch():
            with await overlap.place() as place, pytest.raises(ImageFailed):
                await Fetch(None, silent, 1000)(FAR, place)

        fetching = [asyncio.create_task(fetch()) for _ in range(2)]
        await asyncio.sleep(SLOW_SECONDS / 2)
        assert await places(overlap, 10) == []  # those that answer soon are not overtaken: their images would wait here, not be done elsewhere
        others = [await asyncio.wait_for(overlap.place(), SLOW_SECONDS) for _ in range(1 + AHEAD)]
        silence.set()
        others[0].leave()
        await asyncio.wait(fetching, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        assert sum(each.done() for each in fetching) >= 1
        others[1].leave()
        await asyncio.wait_for(asyncio.gather(*fetching, return_exceptions=True), 30)
        return overlap.aside, len(await places(overlap, 10))

    assert asyncio.run(scenario()) == (0, 1 + AHEAD)
