"""What a run of `make chaos` does, drawn from its seed alone: the jobs, and what breaks, when, for how long.

Nothing is started here, so the same seed gives the same plan on each machine.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product


class Place(StrEnum):
    """Where the servers are."""

    OWN = "own servers"
    """`imagejobs local` runs Valkey and SeaweedFS, and starts them again when they end."""
    BEYOND = "servers behind lines"
    """Redis and S3 are reached through lines that break (`support.servers.tcp_line`)."""
    CLUSTER = "cluster"
    """A control plane of Kubernetes, which is behind such a line, too; pods are processes."""


class Target(StrEnum):
    """What a fault happens to."""

    API = "API"
    OPERATOR = "operator"
    WORKER = "worker"
    ZYGOTE = "zygote"
    CHILD = "child"
    SHARD = "shard"
    REDIS = "Redis"
    S3 = "S3"
    API_SERVER = "API server"
    ETCD = "etcd"
    SQLITE = "SQLite"
    DISK = "disk"
    CLOCK = "clock"
    EVERYTHING = "everything"


class Kind(StrEnum):
    """What happens to it."""

    KILLED = "killed"
    FROZEN = "frozen"
    EMPTIED = "emptied"
    FULL = "full"
    READ_ONLY = "read-only"
    LOCKED = "locked"
    SLOW = "slow"
    CUT = "cut off"
    SILENT = "silent"
    AHEAD = "ahead"
    BEHIND = "behind"


INSTANT = frozenset({Kind.KILLED, Kind.EMPTIED})
"""Faults that are over at once."""
PROGRAMS = (Target.API, Target.OPERATOR, Target.WORKER, Target.CHILD, Target.SHARD)
ANYWHERE = (
    *((target, Kind.KILLED) for target in (*PROGRAMS, Target.ZYGOTE)),
    *((target, Kind.FROZEN) for target in PROGRAMS),
    (Target.REDIS, Kind.EMPTIED),
    (Target.REDIS, Kind.FULL),
    (Target.REDIS, Kind.READ_ONLY),
    (Target.CLOCK, Kind.AHEAD),
    (Target.CLOCK, Kind.BEHIND),
)
BROKEN_LINE = (Kind.SLOW, Kind.CUT, Kind.SILENT)
FAULTS = {
    Place.OWN: (
        *ANYWHERE,
        (Target.SQLITE, Kind.LOCKED),
        (Target.REDIS, Kind.KILLED),
        (Target.REDIS, Kind.FROZEN),
        (Target.S3, Kind.KILLED),
        (Target.S3, Kind.FROZEN),
        (Target.DISK, Kind.FULL),
        (Target.EVERYTHING, Kind.KILLED),
    ),
    Place.BEYOND: (
        *ANYWHERE,
        (Target.SQLITE, Kind.LOCKED),
        *product((Target.REDIS, Target.S3), BROKEN_LINE),
    ),
    Place.CLUSTER: (
        *ANYWHERE,
        *product((Target.REDIS, Target.S3, Target.API_SERVER), BROKEN_LINE),
        *product((Target.API_SERVER, Target.ETCD), (Kind.KILLED, Kind.FROZEN)),
    ),
}
"""The faults of each place, all equally likely."""
LINES = {
    Place.BEYOND: (Target.REDIS, Target.S3),
    Place.CLUSTER: (Target.REDIS, Target.S3, Target.API_SERVER),
}
"""The lines on which answers are counted."""
ONE_MACHINE = (Place.OWN, Place.BEYOND)
MAX_FAULTS = 3
MAX_SENDINGS = 4
SEND_SECONDS = 1.0
"""Every job is sent in this time."""
BEGIN_SECONDS = 2.0
"""Every fault begins in this time, unless it waits for a point."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point between two writes: the answer of this number came, and the program has not got it."""

    line: Target
    answers: int

    def __str__(self) -> str:
        return f"before answer {self.answers} of {self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        after_seconds: From the first request on; unused with a point.
        lasts_seconds: 0 for what is over at once.
        which: Chooses among equals, such as two workers.
    """

    target: Target
    kind: Kind
    after_seconds: float
    lasts_seconds: float
    which: int
    point: Point | None = None

    def __str__(self) -> str:
        when = self.point or f"at {self.after_seconds:.2f} s"
        lasts = f" for {self.lasts_seconds:.1f} s" if self.lasts_seconds else ""
        return f"{self.target} {self.kind} {when}{lasts}"


class Way(StrEnum):
    """How a job is sent."""

    SINGLE = "single"
    BATCH = "batch"
    POOL = "pool"
    SHARDS = "shards"


LONG = (Way.BATCH, Way.POOL, Way.SHARDS)
"""Jobs of more than one image."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One job: `images` of which the last `broken` are no images."""

    way: Way
    after_seconds: float
    images: int
    broken: int

    def __str__(self) -> str:
        return f"{self.way} of {self.images}" + (f" ({self.broken} broken)" if self.broken else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run does, in the order of its moments."""

    seed: int
    place: Place
    sendings: tuple[Sending, ...]
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        jobs = ", ".join(map(str, self.sendings))
        return f"seed {self.seed}: {self.place}; {jobs}; " + "; ".join(map(str, self.faults))


def draw(seed: int, longest_seconds: float = 4.0, places: Sequence[Place] = ONE_MACHINE) -> Plan:
    """Return the plan of a seed.

    Args:
        places: Where it may happen.
        longest_seconds: The longest fault.
    """
    rng = random.Random(seed)
    place = rng.choice(places)
    faults = _possible_together(
        [_draw_fault(rng, place, longest_seconds) for _ in range(rng.randint(1, MAX_FAULTS))]
    )
    sendings = [_draw_sending(rng, rng.choice(list(Way))) for _ in range(rng.randint(1, MAX_SENDINGS - 1))]
    # One that takes a while: without shards, or images, there is nothing to hit.
    needed = Way.SHARDS if any(each.target is Target.SHARD for each in faults) else rng.choice(LONG)
    sendings.append(_draw_sending(rng, needed))
    return Plan(
        seed,
        place,
        tuple(sorted(sendings, key=lambda each: each.after_seconds)),
        tuple(sorted(faults, key=lambda each: each.after_seconds)),
    )


def _draw_sending(rng: random.Random, way: Way) -> Sending:
    images = 1 if way is Way.SINGLE else rng.randint(4, 16)
    broken = rng.randint(0, 2) if images > 1 else 0
    return Sending(way, round(rng.uniform(0, SEND_SECONDS), 3), images, broken)


def _draw_fault(rng: random.Random, place: Place, longest_seconds: float) -> Fault:
    after, which = round(rng.uniform(0, BEGIN_SECONDS), 3), rng.randrange(1000)
    lasts = round(rng.uniform(0.3, longest_seconds), 3)
    if place in LINES and rng.random() < 0.4:
        line, target = rng.choice(LINES[place]), rng.choice(PROGRAMS)
        return Fault(target, Kind.KILLED, after, 0.0, which, Point(line, rng.randint(1, 60)))
    target, kind = rng.choice(FAULTS[place])
    return Fault(target, kind, after, 0.0 if kind in INSTANT else lasts, which)


def _possible_together(faults: Sequence[Fault]) -> Sequence[Fault]:
    """Keep each fault once, and the death of everything to itself.

    Nothing starts on a full disk, and other faults would end with everything.
    """
    deadly = [each for each in faults if each.target is Target.EVERYTHING][:1]
    return deadly or list({(each.target, each.kind): each for each in faults}.values())
