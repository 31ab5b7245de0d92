"""Puts a gate before a port: while the system behind it fails, calls are refused without asking it."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from imagejobs_contract.runtime.gate import Gate

T = TypeVar("T")


def gated(port: T, gate: Gate) -> T:
    """Return the port with each coroutine function behind the gate, but `close`, which asks nobody.

    Iterators are not, because they begin again by themselves, with waits of their own.
    """
    return cast(T, _GatedPort(port, gate))


class _GatedPort:
    def __init__(self, port: object, gate: Gate) -> None:
        self._port = port
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name != "close" and inspect.iscoroutinefunction(value):
            value = self._behind_gate(value)
            setattr(self, name, value)  # so the next access does not come here
        return value

    def _behind_gate(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        gate = self._gate

        @functools.wraps(call)
        async def passed(*arguments: Any, **named: Any) -> Any:
            with gate.passing():
                return await call(*arguments, **named)

        return passed
