"""The rights that a child gives up for good before it reads the first byte from outside, layer by layer.

Each layer holds alone; where the kernel lacks one, the others remain. Codecs must be loaded by then:
afterwards no file can be opened and no code loaded.
"""

import errno
import os
import sys
from collections.abc import Callable

from imagejobs_contract.runtime.die_with_parent import die_with_parent
from imagejobs_worker.child import kernel, landlock, rlimits, seccomp
from imagejobs_worker.child.config import SandboxConfig, SandboxMode


class LayerMissing(Exception):
    """Raised when the kernel lacks a layer that is required."""


def _announce_to_nobody(listener: int | None) -> None:
    """Leave the listener open, for tests that answer on it, or not."""


def enter(config: SandboxConfig, announce: Callable[[int | None], None] = _announce_to_nobody) -> None:
    """Give up all rights that a decoder does not need.

    Args:
        config: The layers and limits.
        announce: Called, where threads are allowed, with the descriptor on which the kernel asks before each,
            or None if it does not ask.

    Raises:
        LayerMissing: A layer is required, and the kernel lacks it.
        OSError: The kernel has a layer and refused to apply it.
    """
    if sys.platform != "linux":
        rlimits.limit_process(config.memory_bytes, config.cpu_seconds)
        _require(config.mode is not SandboxMode.REQUIRED, f"a cage ({sys.platform} has none)")
        return
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    kernel.hide_from_peers()
    kernel.drop_capabilities()
    _refuse_new_code()
    # Landlock needs a descriptor for its ruleset, so it comes before the limits.
    _require(
        config.mode is SandboxMode.OFF or bool(landlock.forbid_all()) or config.mode is SandboxMode.BEST,
        "Landlock",
    )
    if config.threads:
        listener = None if config.mode is SandboxMode.OFF else seccomp.listen_for_threads()
        _require(listener is not None or config.mode is not SandboxMode.REQUIRED, "a bound of threads")
        announce(listener)
    rlimits.limit_process(config.memory_bytes, config.cpu_seconds, threads=config.threads)
    _require(
        config.mode is SandboxMode.OFF
        or seccomp.install(threads=config.threads)
        or config.mode is SandboxMode.BEST,
        "seccomp",
    )


def die_with(parent: int) -> None:
    """End this process when its parent ends, and at once if it has ended already."""
    if sys.platform == "linux":
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)


def _refuse_new_code() -> None:
    """Forbid memory to become executable: a layer of its own where seccomp is missing (since Linux 6.3)."""
    try:
        kernel.prctl(kernel.SET_MDWE, 1)
    except OSError as ex:
        if ex.errno != errno.EINVAL:
            raise


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise LayerMissing(f"{what} is required and not there")
