"""One gate per outside system: while the system fails, nobody asks it but one probe at a time.

Without it each of thousands of jobs asks a failing server again by itself, and each says so in the log.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.runtime import backoff

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 5.0
"""The gate is closed for this time after a failure, doubled with each failed probe, and its maximum."""
MAX_RETRY_AFTER_SECONDS = 60.0
"""Longest pause that a server may ask for (`Retry-After`)."""

log = logging.getLogger(__name__)


class Closed(Unavailable):
    """Raised instead of asking a system that failed lately."""


class Gate:
    """Lets requests to one system pass, until one finds it unavailable; then one probe after each wait.

    Its users share it on one event loop. It logs when it closes and when it opens.

    Args:
        system: The system's name, for the log.
        seconds: Seconds that only grow.
    """

    def __init__(self, system: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._system = system
        self._seconds = seconds
        self._failures = 0
        self._until = 0.0
        self._is_probing = False
        self._on_open: list[Callable[[], None]] = []

    def on_open(self, call: Callable[[], None]) -> None:
        """Let something be called when the system answers again."""
        self._on_open.append(call)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Ask the system within the block.

        Raises:
            Closed: It failed lately, or another request probes it.
        """
        is_probe = self._enter()
        try:
            yield
        except Unavailable as ex:
            self._fail(ex, is_probe=is_probe)
            raise
        except Exception:
            self._answered(is_probe=is_probe)  # with a refusal, which is an answer
            raise
        else:
            self._answered(is_probe=is_probe)
        finally:
            self._is_probing = self._is_probing and not is_probe

    def _enter(self) -> bool:
        """Return whether this request is the probe."""
        if not self._failures:
            return False
        left = self._until - self._seconds()
        if left > 0 or self._is_probing:
            raise Closed(f"{self._system} failed lately", retry_after_seconds=max(left, FIRST_SECONDS))
        self._is_probing = True
        return True

    def _fail(self, ex: Unavailable, *, is_probe: bool) -> None:
        if not self._failures:
            log.warning("system fails", extra={"system": self._system, "reason": ex.message})
        if is_probe or not self._failures:  # others were sent before the gate closed
            self._failures += 1
        wait = backoff.delay_seconds(self._failures, FIRST_SECONDS, LONGEST_SECONDS)
        asked = min(ex.retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS)
        self._until = max(self._until, self._seconds() + max(wait, asked))

    def _answered(self, *, is_probe: bool) -> None:
        if not is_probe:
            return
        log.warning("system answers again", extra={"system": self._system, "failures": self._failures})
        self._failures = 0
        for call in self._on_open:
            call()
