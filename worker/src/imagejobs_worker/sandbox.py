"""What stands between this program and the files that it is given, told in one line at its start."""

import logging
import sys

from imagejobs_worker.child import kernel
from imagejobs_worker.child.config import SandboxMode, SandboxReport

log = logging.getLogger(__name__)


class SandboxUnavailable(Exception):
    """Raised when less of a cage holds than is required."""


def close_to_children() -> None:
    """Close this process to its children."""
    if sys.platform == "linux":
        kernel.hide_from_peers()


def require_sandbox(mode: SandboxMode, report: SandboxReport) -> None:
    """Log what was seen to hold.

    Raises:
        Uncaged: That is less than is required.
    """
    facts = {
        "mode": mode.value,
        "landlock": report.landlock,
        "seccomp": report.seccomp,
        "missing": report.missing,
    }
    log.log(logging.WARNING if report.missing else logging.INFO, "cage", extra=facts)
    if report.missing and mode is SandboxMode.REQUIRED:
        log.error("refused to start: CAGE=required, and this kernel or container lacks a part of it")
        raise SandboxUnavailable
