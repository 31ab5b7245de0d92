"""Events as log lines: all that there is of them without Kubernetes, and what outlives them with it."""

import logging

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.wire.origin import log_facts
from imagejobs_operator.decide.actions import Emit

log = logging.getLogger(__name__)


class LogEvents:
    """Writes events to the log."""

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Write one event."""
        log_event(job, event)


def log_event(job: ImageJob, event: Emit) -> None:
    """Write one event to the log."""
    level = logging.WARNING if event.warning else logging.INFO
    log.log(level, event.message, extra=log_facts(job) | {"reason": event.reason.value})
