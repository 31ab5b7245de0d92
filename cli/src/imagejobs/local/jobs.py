"""Looks into the kept jobs, for the lines that say how many go on."""

import asyncio
from pathlib import Path

from imagejobs.local.errors import CannotRun
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model.status import State
from imagejobs_contract.stores.sqlite import SqliteStore

MOST = 1000
"""Of each state no more are counted."""


def count_unfinished(path: Path) -> int:
    """Return how many kept jobs have not ended.

    Raises:
        CannotRun: The file cannot be read.
    """
    return asyncio.run(_count(path)) if path.exists() else 0


async def _count(path: Path) -> int:
    store = SqliteStore(path)
    try:
        pages = [await store.list(None, state, limit=MOST) for state in State if not state.final]
    except ImageJobsError as ex:
        raise CannotRun(f"The jobs in {path} cannot be read: {ex.message}") from ex
    finally:
        await store.close()
    return sum(len(page.jobs) for page in pages)
