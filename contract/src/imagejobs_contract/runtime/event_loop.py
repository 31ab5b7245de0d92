"""The event loop of long-lived programs: uvloop where it is installed, else asyncio's own.

On one machine it saved a job 2 ms of 50, half of it in the pool's workers (docs/performance.md). A pod that
lives for seconds would not earn its import.
"""

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run(program: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(program)


def _factory() -> type[asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    from uvloop import Loop

    return Loop
