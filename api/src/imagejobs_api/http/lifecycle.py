"""Runs the tasks that an API process has beside its requests."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

Run = Callable[[], Coroutine[Any, Any, None]]
"""Runs until it is cancelled."""


class Lifecycle:
    """Falcon middleware: starts tasks with the app and cancels them with it."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = tuple(runs)
        self._tasks: list[asyncio.Task[None]] = []

    async def process_startup(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Start the tasks."""
        self._tasks = [asyncio.create_task(run()) for run in self._runs]

    async def process_shutdown(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Cancel the tasks and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
