"""Checks at start-up that the sandbox works, logs it, and refuses to run if it is required and missing."""

import logging
import sys

from imagejobs_worker.child import kernel
from imagejobs_worker.child.config import SandboxMode, SandboxReport

log = logging.getLogger(__name__)


class SandboxUnavailable(Exception):
    """Raised when the sandbox is required and a layer of it does not hold."""


def close_to_children() -> None:
    """Hide this process's memory and descriptors from its children."""
    if sys.platform == "linux":
        kernel.hide_from_peers()


def require_sandbox(mode: SandboxMode, report: SandboxReport) -> None:
    """Log which layers of the sandbox hold.

    Args:
        mode: The layers that are required.
        report: The layers that were seen to hold.

    Raises:
        SandboxUnavailable: A layer is required and does not hold.
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
