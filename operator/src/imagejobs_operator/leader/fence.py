"""Lets nothing through a port while this operator does not certainly hold the Lease.

A process that was frozen goes on in the middle of its work when it wakes; by then another operator may work.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from imagejobs_operator.act.ports import Ports


def fenced(ports: Ports, check: Callable[[], None]) -> Ports:
    """Return the ports with a check before each call.

    Args:
        ports: All ports.
        check: Raises an error if nothing may be done any more.
    """
    found = {each.name: getattr(ports, each.name) for each in fields(ports)}
    return replace(ports, **{name: _Fenced(port, check) for name, port in found.items() if port is not None})


class _Fenced:
    def __init__(self, port: object, check: Callable[[], None]) -> None:
        self._port = port
        self._check = check

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if name == "close" or not callable(value):
            return value
        call = self._checked(value)
        setattr(self, name, call)  # so the next access does not come here
        return call

    def _checked(self, call: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            def checked(*arguments: Any, **named: Any) -> Any:
                self._check()
                return call(*arguments, **named)

            return checked

        @functools.wraps(call)
        async def checked_first(*arguments: Any, **named: Any) -> Any:
            self._check()
            return await call(*arguments, **named)

        return checked_first
