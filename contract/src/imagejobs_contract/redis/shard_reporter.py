"""Writes a shard's progress to Redis with hiredis alone.

A pod lives for a second or two, and importing redis-py would cost it four images' time. Each report has its
own connection: none is kept that could break between two reports or would have to be closed.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.redis import board_commands
from imagejobs_contract.redis.board_commands import Command

CALL_SECONDS = 2.0
"""Longest time for a report, connecting included."""
DEFAULT_PORT = 6379
_READ_BYTES = 2**16


class ShardReporter:
    """The one write of `ports.ProgressBoard` that a shard needs.

    Args:
        url: One for which `supports` is true.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "127.0.0.1", parts.port or DEFAULT_PORT
        self._greeting = _login_commands(
            unquote(parts.username or ""), unquote(parts.password or ""), parts.path.strip("/")
        )

    async def put_shard(
        self, key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        """Write a shard's report; see `RedisBoard.put_shard`."""
        commands = [
            *self._greeting,
            ("MULTI",),
            *board_commands.put_shard(key, uid, shard, counts, outcomes),
            ("EXEC",),
        ]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                replies = await _exchange(self._address, commands)
        except (OSError, EOFError, hiredis.ProtocolError) as ex:
            raise Unavailable(f"Redis: {ex!r}") from ex
        for reply in (*replies, *(replies[-1] if isinstance(replies[-1], list) else ())):
            if isinstance(reply, hiredis.ReplyError):
                raise Unavailable(f"Redis: {reply}")

    async def close(self) -> None:
        """Do nothing: no connection is kept."""


def supports(url: str) -> bool:
    """Return whether a URL means plain TCP without options.

    TLS, sockets and options need redis-py.
    """
    parts = urlsplit(url)
    return parts.scheme == "redis" and not parts.query and bool(parts.hostname)


def _login_commands(username: str, password: str, database: str) -> list[Command]:
    login = [("AUTH", *filter(None, (username, password)))] if password else []
    return [*login, *([("SELECT", database)] if database not in ("", "0") else [])]


async def _exchange(address: tuple[str, int], commands: Sequence[Command]) -> list[Any]:
    """Send all commands at once and return a reply to each; errors are values here."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"".join(hiredis.pack_command(command) for command in commands))  # type: ignore[arg-type] # its stub means one word
        parser, replies = hiredis.Reader(notEnoughData=...), list[Any]()
        while len(replies) < len(commands):
            parser.feed(await _read_some(reader))
            while (reply := parser.gets()) is not ...:
                replies.append(reply)
        return replies
    finally:
        writer.transport.abort()


async def _read_some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(_READ_BYTES)
    if not data:
        raise EOFError("the server hung up")
    return data
