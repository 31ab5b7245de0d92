"""Counts the unfinished jobs of earlier runs, for the lines printed at start and stop."""

import asyncio
from pathlib import Path

from imagejobs.local.errors import CannotRun
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model.status import State
from imagejobs_contract.stores.sqlite import SqliteStore

MAX_COUNTED = 1000
"""Jobs counted per state; further ones are left out of the sum."""


def count_unfinished(path: Path) -> int:
    """Return how many stored jobs have not ended; 0 if there is no store yet.

    Raises:
        CannotRun: The file cannot be read.
    """
    return asyncio.run(_count(path)) if path.exists() else 0


async def _count(path: Path) -> int:
    store = SqliteStore(path)
    try:
        pages = [await store.list(None, state, limit=MAX_COUNTED) for state in State if not state.final]
    except ImageJobsError as ex:
        raise CannotRun(f"The jobs in {path} cannot be read: {ex.message}") from ex
    finally:
        await store.close()
    return sum(len(page.jobs) for page in pages)
