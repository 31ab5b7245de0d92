"""The messages between the parent and the zygote, over one socket.

The parent sends the settings, the zygote a report of its sandbox; then each command, of fixed size, has one
answer. A zygote has two children at most.
"""

import json
import socket
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple


class CommandKind(IntEnum):
    """The kinds of commands."""

    FORK = 1
    """Fork a child; its end of its socket comes along (SCM_RIGHTS). The answer is its process id."""
    REAP = 2
    """Wait some milliseconds for the child to end by itself, then kill it. The answer is its wait status."""
    LOAD = 3
    """Load these codecs (`codecs.pack`), for later children. The answer is all codecs that are loaded then.
    """


class Command(NamedTuple):
    """One command. `FORK` uses neither number; only `REAP` uses the second."""

    kind: CommandKind
    number: int = 0
    grace_milliseconds: int = 0


COMMAND = struct.Struct("!iii")
ANSWER = struct.Struct("!i")
REPORT = struct.Struct("!B?")
"""The fields of `config.SandboxReport`."""
_LENGTH = struct.Struct("!I")


def pack_settings(settings: Mapping[str, object]) -> bytes:
    """Return the message that comes before all commands: the settings of the zygote."""
    body = json.dumps(settings).encode()
    return _LENGTH.pack(len(body)) + body


def read_settings(control: socket.socket) -> dict[str, Any] | None:
    """Wait for the message of `pack_settings`; return None if the parent is gone."""
    prefix = control.recv(_LENGTH.size, socket.MSG_WAITALL)
    if len(prefix) != _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    return dict(json.loads(control.recv(length, socket.MSG_WAITALL)))
