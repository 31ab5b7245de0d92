"""RFC 3339 times, always UTC."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests hand in their own."""

    def __call__(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...


def utc_now() -> datetime:
    """Return the system's time."""
    return datetime.now(UTC)


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


def show_time(time: datetime) -> str:
    """Return the time as Kubernetes' metav1.Time writes it: whole seconds and `Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
