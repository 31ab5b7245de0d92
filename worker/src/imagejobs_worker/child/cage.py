"""What a child gives up before it reads the first byte from outside, from the weakest layer to the strongest, and for good.

Each layer holds alone; where the kernel lacks one, the others remain. Codecs must be warm by then: afterwards
no file can be opened and no code loaded.
"""

import errno
import os
import sys

from imagejobs_contract.runtime.die_with_parent import die_with_parent
from imagejobs_worker.child import kernel, landlock, rlimits, seccomp
from imagejobs_worker.child.config import Mode, Terms


class Missing(Exception):
    """Raised when the kernel lacks what is required."""


def enter(terms: Terms) -> None:
    """Give up all that a decoder does not need.

    Raises:
        Missing: A layer is required that the kernel lacks.
        OSError: The kernel would not do what it can.
    """
    if sys.platform != "linux":
        rlimits.give_up(terms.memory_bytes)
        _demand(terms.mode is not Mode.REQUIRED, f"a cage ({sys.platform} has none)")
        return
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    kernel.close_to_peers()
    kernel.drop_capabilities()
    _refuse_new_code()
    # Landlock needs a descriptor for its ruleset, and so comes before the limits.
    _demand(terms.mode is Mode.OFF or bool(landlock.forbid_all()) or terms.mode is Mode.BEST, "Landlock")
    rlimits.give_up(terms.memory_bytes, threads=terms.threads)
    _demand(
        terms.mode is Mode.OFF or seccomp.install(threads=terms.threads) or terms.mode is Mode.BEST, "seccomp"
    )


def die_with(parent: int) -> None:
    """End this process when its parent ends, and at once if it has ended already."""
    if sys.platform == "linux":
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)


def _refuse_new_code() -> None:
    """Let no memory become executable that was not: a layer of its own where seccomp is missing (Linux 6.3)."""
    try:
        kernel.prctl(kernel.SET_MDWE, 1)
    except OSError as ex:
        if ex.errno != errno.EINVAL:
            raise


def _demand(held: bool, what: str) -> None:
    if not held:
        raise Missing(f"{what} is required and not there")
