"""What stands between this program and the files that it is given, told in one line at its start."""

import logging
import sys

from imagejobs_worker.child import kernel, trial
from imagejobs_worker.child.cage import Mode

log = logging.getLogger(__name__)


def stands(mode: Mode) -> bool:
    """Close this process to its children and try the cage; log what holds. False if that is less than is required.

    Call it once, before there are threads.
    """
    if sys.platform == "linux":
        kernel.close_to_peers()
    held = trial.held(mode)
    facts = {"mode": mode.value, "landlock": held.landlock, "seccomp": held.seccomp, "missing": held.missing}
    log.log(logging.WARNING if held.missing else logging.INFO, "cage", extra=facts)
    if held.missing and mode is Mode.REQUIRED:
        log.error("refused to start: CAGE=required, and this kernel or container lacks a part of it")
        return False
    return True
