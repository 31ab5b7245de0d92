"""Events where there is no Kubernetes: log lines."""

import logging

from imagejobs_contract.imagejob import ImageJob
from imagejobs_operator.actions import Emit

log = logging.getLogger(__name__)


class LogEvents:
    """Writes events to the log."""

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Write one event."""
        level = logging.WARNING if event.warning else logging.INFO
        log.log(level, event.message, extra={"job_id": job.key.name, "reason": event.reason.value})
