"""Runs asyncio code on a clock that jumps to the next timer instead of waiting.

Seconds are exact on every machine, and take no time.

For code that waits for timers only. What a thread, a process or a socket does takes none of these seconds.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Do as `asyncio.run`; `time.monotonic` is the loop's clock meanwhile."""
    with asyncio.Runner(loop_factory=_Loop) as runner, mock.patch("time.monotonic", runner.get_loop().time):
        return runner.run(main)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self._jump))

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc] - which one depends on the system
    def __init__(self, jump) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None):
        """Return what is ready; if nothing is, it is later at once."""
        ready = super().select(timeout and 0)
        if not ready and timeout:
            self._jump(timeout)
        return ready
