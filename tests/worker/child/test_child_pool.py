"""The parent's side of the zygote, against a real one."""

import asyncio

from imagejobs_worker.child.child_pool import ChildPool
from imagejobs_worker.child.config import SandboxMode


def test_a_child_that_is_let_go_ends_well_in_its_cage():
    """The filter would end it for any call that Python makes at its end, and the audit would report it."""

    async def status():
        children = ChildPool(2**30, 600, SandboxMode.BEST, False, "", ["jpeg"])
        children.start()
        try:
            return await children.reap(await children.take_child(), 5.0)
        finally:
            await children.close()

    assert asyncio.run(status()) == 0
