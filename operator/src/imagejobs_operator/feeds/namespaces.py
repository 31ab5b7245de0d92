"""Knows which of the watched namespaces cannot be listed: deleted ones, and ones without our rights."""

import logging
from collections.abc import Sequence

log = logging.getLogger(__name__)


class Namespaces:
    """The watched namespaces and their faults. The resync records; the work queue and the probes ask.

    A fault of one namespace is told once, and again when it is over; it concerns no other namespace.

    Args:
        watched: None watches all, as one.
    """

    def __init__(self, watched: Sequence[str] | None) -> None:
        self.watched: Sequence[str | None] = (None,) if watched is None else tuple(watched)
        self._faults: dict[str | None, str] = {}

    def record(self, namespace: str | None, fault: str = "") -> None:
        """Record that a namespace was listed, or why it could not be."""
        before = self._faults.pop(namespace, "")
        if fault:
            self._faults[namespace] = fault
        if fault and not before:
            log.warning("a namespace cannot be listed", extra={"namespace": namespace, "reason": fault})
        elif before and not fault:
            log.warning("a namespace is back", extra={"namespace": namespace})

    def is_away(self, namespace: str) -> bool:
        """Return whether nothing can be done in a namespace now."""
        return namespace in self._faults or None in self._faults

    def fault(self) -> str:
        """Return the fault if no namespace can be listed, else ""."""
        if len(self._faults) < len(self.watched):
            return ""
        return next(iter(self._faults.values()), "")
