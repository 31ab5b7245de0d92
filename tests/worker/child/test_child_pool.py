"""The parent's side of the zygote, against a real one."""

import asyncio

from imagejobs_worker.child.child_pool import Nursery
from imagejobs_worker.child.config import Mode


def test_a_child_that_is_let_go_ends_well_in_its_cage():
    """Its filter would end it for whatever Python does unasked on the way out, and the kernel's audit would tell of an attack."""

    async def status():
        nursery = Nursery(2**30, Mode.BEST, False, "", ["jpeg"])
        nursery.start()
        try:
            return await nursery.take_back(await nursery.child(), 5.0)
        finally:
            await nursery.close()

    assert asyncio.run(status()) == 0
