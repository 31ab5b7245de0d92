"""Follows a Redis stream until the program ends: through outages, `FLUSHALL`, and ids that start again.

Never raises an error of Redis.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from imagejobs_contract.redis.client import BLOCK_SECONDS
from imagejobs_contract.redis.library import Redis, RedisError

log = logging.getLogger(__name__)

ERROR_PAUSE_SECONDS = 0.5
"""After an error, so that an absent Redis costs no CPU."""
MAX_ENTRIES_PER_READ = 200
"""Entries per read."""
START = "0-0"

Fields = Mapping[str, str]


async def read_stream(client: Redis, stream: str, *, heartbeat: bool = True) -> AsyncIterator[Fields | None]:
    """Yield the fields of each entry from now on.

    None comes first, once the position in the stream is known: later entries are yielded. It comes again
    after an outage: entries may have been missed, so a caller that must not miss any reads the state itself.

    Args:
        heartbeat: None also comes at least once a second.
    """
    follower = _StreamReader(client, stream)
    none_at = 0.0
    while True:
        entries = await follower.read()
        for fields in entries:
            yield fields
        is_due = heartbeat and (not entries or time.monotonic() - none_at >= BLOCK_SECONDS)
        if follower.take_gap() or is_due:
            none_at = time.monotonic()
            yield None


class _StreamReader:
    """A position in a stream."""

    def __init__(self, client: Redis, stream: str) -> None:
        self._client = client
        self._stream = stream
        self._place = ""
        self._is_away = True
        self._has_gap = False

    def take_gap(self) -> bool:
        """Return whether entries may have been missed since the last call.

        A server that came back empty within the client's own tries is noticed by the entries that it lost, so
        not if there were none.
        """
        gap, self._has_gap = self._has_gap, False
        return gap

    async def read(self) -> list[Fields]:
        """Return the entries after the last read, waiting up to a second for them.

        [] comes also after an error, and the first time.
        """
        try:
            entries = await self._read()
        except RedisError as ex:
            log.warning("redis does not answer", extra={"stream": self._stream, "reason": str(ex)})
            await asyncio.sleep(ERROR_PAUSE_SECONDS)
            self._is_away = True
            return []
        self._has_gap, self._is_away = self._has_gap or self._is_away, False
        return entries

    async def _read(self) -> list[Fields]:
        if not self._place:
            self._place = await self._last()
            return []
        reply: Any = await self._client.xread(
            {self._stream: self._place}, count=MAX_ENTRIES_PER_READ, block=int(BLOCK_SECONDS * 1000)
        )
        if not reply:
            await self._notice_restart()
            return []
        entries = reply[0][1]
        self._place = entries[-1][0]
        return [fields for _, fields in entries]

    async def _notice_restart(self) -> None:
        last = await self._last()
        if _sort_key(last) < _sort_key(self._place):
            # The stream was lost, or its server's clock is behind the old one's: smaller ids are new entries
            # now.
            self._place = START
            self._has_gap = True

    async def _last(self) -> str:
        entries = await self._client.xrevrange(self._stream, count=1)
        return str(entries[0][0]) if entries else START


def _sort_key(entry: str) -> tuple[int, int]:
    millis, _, number = entry.partition("-")
    return int(millis), int(number)
