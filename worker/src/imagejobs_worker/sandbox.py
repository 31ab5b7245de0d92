"""What stands between this program and the files that it is given, told in one line at its start."""

import logging
import sys

from imagejobs_worker.child import kernel
from imagejobs_worker.child.config import Held, Mode

log = logging.getLogger(__name__)


class Uncaged(Exception):
    """Raised when less of a cage holds than is required."""


def close() -> None:
    """Close this process to its children."""
    if sys.platform == "linux":
        kernel.close_to_peers()


def demand(mode: Mode, held: Held) -> None:
    """Log what was seen to hold.

    Raises:
        Uncaged: That is less than is required.
    """
    facts = {"mode": mode.value, "landlock": held.landlock, "seccomp": held.seccomp, "missing": held.missing}
    log.log(logging.WARNING if held.missing else logging.INFO, "cage", extra=facts)
    if held.missing and mode is Mode.REQUIRED:
        log.error("refused to start: CAGE=required, and this kernel or container lacks a part of it")
        raise Uncaged
