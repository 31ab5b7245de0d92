"""Writes events to the log: their only place without Kubernetes, and the one that keeps them for long."""

import logging

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.wire.origin import log_facts
from imagejobs_operator.decide.actions import Emit

log = logging.getLogger(__name__)


class LogEvents:
    """Implements `ports.Events` with log lines."""

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Write one event."""
        log_event(job, event)


def log_event(job: ImageJob, event: Emit) -> None:
    """Write one event to the log."""
    level = logging.WARNING if event.warning else logging.INFO
    log.log(level, event.message, extra=log_facts(job) | {"reason": event.reason.value})
