"""What the parent and the zygote say over one socket: what it is to be, what its cage holds, then an order of fixed size, an answer, and so on.

It has two children at most.
"""

import json
import socket
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple


class CommandKind(IntEnum):
    """What is ordered."""

    FORK = 1
    """Make a child; the end of its socket comes along (SCM_RIGHTS). The answer is its process id."""
    REAP = 2
    """Wait so many milliseconds for the child to end by itself, then kill it. The answer is its wait status.
    """
    LOAD = 3
    """Learn these skills (`skills.packed`), for the children to come. The answer is all that it knows then.
    """


class Command(NamedTuple):
    """One order; the numbers are of no use to `FORK`, the second to `REAP` only."""

    kind: CommandKind
    number: int = 0
    grace_milliseconds: int = 0


COMMAND = struct.Struct("!iii")
ANSWER = struct.Struct("!i")
REPORT = struct.Struct("!B?")
"""The fields of `terms.Held`."""
_LENGTH = struct.Struct("!I")


def pack_settings(settings: Mapping[str, object]) -> bytes:
    """Return what comes before all orders: what the zygote is to be."""
    body = json.dumps(settings).encode()
    return _LENGTH.pack(len(body)) + body


def read_settings(control: socket.socket) -> dict[str, Any] | None:
    """Wait for what `opening` wrote; None if the parent is gone."""
    prefix = control.recv(_LENGTH.size, socket.MSG_WAITALL)
    if len(prefix) != _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(prefix)
    return dict(json.loads(control.recv(length, socket.MSG_WAITALL)))
