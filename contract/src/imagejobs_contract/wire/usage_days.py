"""The usage of one day as it lies in S3: a value, and its JSON. The operator writes it, the API reads it.

It also holds which jobs are counted, as far as that could be in doubt.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.times import format_time, parse_time

KEPT_DAYS = 400
"""A year, and a month to look at it."""
MAX_BYTES = 32 * 2**20
"""Of one day: 10,000 callers at 200 bytes, and the jobs of the last minutes."""
_RECEIPT = ("succeeded", "failed", "bytes_in", "bytes_out", "cpu_milliseconds")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one caller used on one day.

    Attributes:
        jobs: Attempts of jobs that ended.
    """

    jobs: int = 0
    receipt: Receipt = field(default_factory=Receipt)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.jobs + other.jobs, self.receipt + other.receipt)


@dataclass(frozen=True, slots=True)
class UsageDay:
    """The usage of one day (UTC).

    Attributes:
        callers: Owner (`<namespace>/<caller>`) -> its usage.
        counted_until: Jobs that ended before are counted, or never will be.
        recent: Jobs that ended later and are counted: `<uid>/<attempt>` -> when they ended.
    """

    day: date
    callers: Mapping[str, Usage] = field(default_factory=dict)
    counted_until: datetime | None = None
    recent: Mapping[str, datetime] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the day as one JSON object."""
        return json.dumps(
            {
                "day": self.day.isoformat(),
                "callers": {owner: _usage_body(each) for owner, each in self.callers.items()},
                "countedUntil": format_time(self.counted_until) if self.counted_until else None,
                "recent": {job: format_time(ended) for job, ended in self.recent.items()},
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> "UsageDay":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not a day's usage.
        """
        try:
            body: dict[str, Any] = json.loads(text)
            ended = {str(job): parse_time(time) for job, time in body["recent"].items()}
            return cls(
                date.fromisoformat(body["day"]),
                {str(owner): _read_usage(each) for owner, each in body["callers"].items()},
                parse_time(body["countedUntil"]),
                {job: time for job, time in ended.items() if time},
            )
        except (KeyError, TypeError, AttributeError) as ex:
            raise ValueError(f"not a day's usage: {ex!r}") from ex


def owner_of(namespace: str, caller: CallerName) -> str:
    """Return the key of a caller; of all callers of a namespace where nobody has keys."""
    return f"{namespace}/{caller}"


def _usage_body(usage: Usage) -> list[int]:
    return [usage.jobs, *(getattr(usage.receipt, name) for name in _RECEIPT)]


def _read_usage(body: list[Any]) -> Usage:
    jobs, *values = map(int, body)
    return Usage(jobs, Receipt(**dict(zip(_RECEIPT, values, strict=True))))
