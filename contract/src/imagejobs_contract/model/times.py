"""RFC 3339 times, always UTC."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Returns the current time; tests pass their own."""

    def __call__(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...


def utc_now() -> datetime:
    """Return the system's time."""
    return datetime.now(UTC)


class SteadyClock:
    """Counts the time that passed since it was made: nobody sets it, and it never jumps.

    It begins with the system's time, so that the times of before are older; later the two may part.

    Args:
        calendar: Shows the first time.
        seconds: Seconds that only grow.
    """

    def __init__(self, calendar: Clock = utc_now, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._begin = calendar() - timedelta(seconds=seconds())

    def __call__(self) -> datetime:
        """Return the time."""
        return self._begin + timedelta(seconds=self._seconds())


def parse_time(text: object) -> datetime | None:
    """Return the time, or None if the text is not one."""
    if isinstance(text, datetime):
        return text if text.tzinfo else text.replace(tzinfo=UTC)
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def format_time(time: datetime) -> str:
    """Return the time as Kubernetes' metav1.Time writes it: whole seconds and `Z`."""
    # Six times as fast as strftime.
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def format_optional_time(time: datetime | None) -> str | None:
    """Return the time as `format_time` does, and None for none."""
    return format_time(time) if time else None


def format_duration(seconds: int) -> str:
    """Return a duration as kubectl writes one (`HumanDuration`).

    It has two units at most; the smaller one is left out where the larger one is precise enough.
    """
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 180:
        return _join_units(f"{minutes}m", f"{seconds % 60}s", minutes < 10)
    if hours < 48:
        return _join_units(f"{hours}h", f"{minutes % 60}m", hours < 8)
    return _join_units(f"{days}d", f"{hours % 24}h", days < 8)


def _join_units(large: str, small: str, both: bool) -> str:
    return large + small if both and not small.startswith("0") else large
