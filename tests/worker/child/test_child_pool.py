"""The parent's side of the zygote, against a real one."""

import asyncio

from imagejobs_worker.child.child_pool import ChildPool
from imagejobs_worker.child.config import SandboxMode


def test_a_child_that_is_let_go_ends_well_in_its_cage():
    """Its filter would end it for whatever Python does unasked on the way out, and the kernel's audit would tell of an attack."""

    async def status():
        children = ChildPool(2**30, SandboxMode.BEST, False, "", ["jpeg"])
        children.start()
        try:
            return await children.reap(await children.take_child(), 5.0)
        finally:
            await children.close()

    assert asyncio.run(status()) == 0
