"""The lowest rate at which a source may send its image. The clock is virtual: sleeps play a slow source."""

import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_worker.image.min_rate import MinRate
from support.clock import virtual_time

RATE = MinRate(1000, 0.2)
"""200 bytes in each fifth of a second."""


async def sending(*steps):
    """Send that many bytes, or wait."""
    for step in steps:
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield bytes(step)


def received(pieces, rest=0.0):
    async def read():
        count = 0
        async for piece in RATE.enforce(pieces):
            count += len(piece)
            await asyncio.sleep(rest)
        return count

    return virtual_time.run(read())


@pytest.mark.parametrize(
    "steps",
    [[], [5], [0.1, 5], [5000], [200, 0.15] * 4, [0.15, 200] * 4, [50, 0.02] * 20, [0.15, 199]],
    ids=[
        "nothing",
        "little and at an end",
        "late and little",
        "all at once",
        "in bursts",
        "bursts after waits",
        "steadily",
        "a last piece that is small",
    ],
)
def test_a_source_that_keeps_the_pace_is_read_to_its_end(steps):
    assert received(sending(*steps)) == sum(step for step in steps if isinstance(step, int))


@pytest.mark.parametrize(
    "steps",
    [[5.0], [50, 5.0], [10, 0.03] * 100, [10_000, 5.0], [200, 0.1, 200, 5.0]],
    ids=["silence", "a stop", "drips", "a stop after much", "a late stop"],
)
def test_a_source_that_drips_or_stops_is_given_up_with_the_rate_it_did_not_keep(steps):
    with pytest.raises(ImageFailed, match="less than 1000 bytes per second") as caught:
        received(sending(*steps))
    assert caught.value.code is Code.SOURCE_TIMEOUT


def test_time_for_which_we_do_not_read_is_not_the_sources():
    assert received(sending(10, 10, 0.05, 10, 10), rest=0.15) == 40
