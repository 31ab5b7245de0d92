"""What the parent says to the zygote: one fixed-size order, one fixed-size answer, over one socket. The zygote has two children at most."""

import struct
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What is ordered."""

    FORK = 1
    """Make a child; the end of its socket comes along (SCM_RIGHTS). The answer is its process id."""
    REAP = 2
    """Wait so many milliseconds for the child to end by itself, then kill it. The answer is its wait status."""
    LEARN = 3
    """Learn these skills (`skills.packed`), for the children to come. The answer is all that it knows then."""


class Order(NamedTuple):
    """One order; the numbers are of no use to `FORK`, the second to `REAP` only."""

    kind: Kind
    number: int = 0
    grace_milliseconds: int = 0


ORDER = struct.Struct("!iii")
ANSWER = struct.Struct("!i")
