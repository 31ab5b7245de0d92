"""One client of the Kubernetes API, with what its answers say about the server itself."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from aiohttp import ClientSession
from kubernetes.aio.client import ApiClient

from imagejobs_contract.model.times import Clock, utc_now

ROUNDING_SECONDS = 1.0
"""A `Date` is up to this much older than the answer, because it is in whole seconds."""
TRAVEL_SECONDS = 1.0
"""An answer may take this long before its `Date` counts as a different time."""


class ServerCalendar:
    """Shows the API server's time: by the `Date` of its answers, and a clock that only counts between them.

    It stamps what others compare with times of the server, as `creationTimestamp`. Before the first answer it
    shows this machine's time.
    """

    def __init__(self, calendar: Clock = utc_now, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._begin = calendar() - timedelta(seconds=seconds())
        self._is_known = False

    def __call__(self) -> datetime:
        """Return the time, in UTC."""
        return self._begin + timedelta(seconds=self._seconds())

    def record(self, headers: Mapping[str, str]) -> None:
        """Record the headers of an answer; the time changes only if it is certainly different."""
        date = _read_date(headers.get("Date", ""))
        if date is None:
            return
        shown = self()
        newest = date + timedelta(seconds=ROUNDING_SECONDS + TRAVEL_SECONDS)
        if shown < date or not self._is_known:
            self._begin += date - shown
        elif shown > newest:
            self._begin += newest - shown
        self._is_known = True


class KubernetesClient:
    """The library's client and the server's calendar. Whoever made it closes it.

    Attributes:
        api: The library's client.
        session: Sends its requests.
        calendar: Shows the server's time.
    """

    def __init__(self, api: ApiClient, session: ClientSession) -> None:
        self.api = api
        self.session = session
        self.calendar = ServerCalendar()

    async def close(self) -> None:
        """Close connections."""
        await self.api.close()


@lru_cache(maxsize=1)  # all answers of one second have the same
def _read_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date.astimezone(UTC) if date.tzinfo else None
