import asyncio

from imagejobs_worker.overlap import AHEAD, BEHIND, Overlap


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
