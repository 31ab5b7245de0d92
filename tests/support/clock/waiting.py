"""Waits for a condition. Everything that asks again and again until something is so does it here.

The deadlines are generous, because a busy machine is no fault: they only end a test that would hang.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

SECONDS = 60.0
SLOW_SECONDS = 600.0
"""For what several programs of a busy machine must do in turn, such as operator, controllers and pods."""
PAUSE_SECONDS = 0.01
T = TypeVar("T")


def eventually(
    check: Callable[[], T],
    seconds: float = SECONDS,
    *,
    what: str = "",
    seen: Callable[[], object] | None = None,
    pause_seconds: float = PAUSE_SECONDS,
) -> T:
    """Return the first true value of `check()`.

    Args:
        check: Asked again and again.
        seconds: The deadline.
        what: What is awaited, for the message; the code of `check` by default.
        seen: Returns the last thing seen, for the message; the last value of `check` by default.
        pause_seconds: Between two questions.

    Raises:
        AssertionError: It is not true in time.
    """
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, _message(check, seconds, what, seen() if seen else value)
        time.sleep(pause_seconds)
    return value


def happens(check: Callable[[], object], seconds: float) -> bool:
    """Return whether `check()` is true within a time: for what may happen, or not."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


async def until(
    check: Callable[[], T],
    seconds: float = SECONDS,
    *,
    what: str = "",
    seen: Callable[[], object] | None = None,
) -> T:
    """Do as `eventually`, on the event loop."""
    end = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < end, _message(check, seconds, what, seen() if seen else value)
        await asyncio.sleep(PAUSE_SECONDS)
    return value


async def until_read(
    read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds: float = SECONDS
) -> T:
    """Return the first value of `await read()` for which `holds` is true.

    Raises:
        AssertionError: There is none in time.
    """
    end = time.monotonic() + seconds
    while not holds(value := await read()):
        assert time.monotonic() < end, _message(holds, seconds, "", value)
        await asyncio.sleep(PAUSE_SECONDS)
    return value


def _message(check: Callable[..., object], seconds: float, what: str, seen: object) -> str:
    return f"not within {seconds:g} s: {what or _code_of(check)}; last seen: {seen!r}"


def _code_of(check: Callable[..., object]) -> str:
    try:
        return " ".join(inspect.getsource(check).split())
    except (OSError, TypeError):
        return repr(check)
