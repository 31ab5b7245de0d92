"""Knows whether this run's clock is shifted (`make test-shifted`), and gives that clock to started programs.

SeaweedFS and the Kubernetes control plane are written in Go, which reads the clock without the C library:
they stay on the clock of the machine.
"""

import os
import time
from typing import Final

import pytest

MAX_WAIT_SECONDS = 600
ON: Final = "FAKETIME" in os.environ
_NAMES = (
    "LD_PRELOAD",
    "FAKETIME",
    "FAKETIME_DONT_FAKE_MONOTONIC",
    "FAKETIME_DISABLE_SHM",
    "FAKETIME_CACHE_DURATION",
    "TZ",
)


def variables() -> dict[str, str]:
    """Return the variables of a program that shares this run's clock."""
    return {name: os.environ[name] for name in _NAMES if name in os.environ} if ON else {}


def skip_beside(server: str) -> None:
    """Skip the test if the clock is shifted: it starts a server that cannot be."""
    if ON:
        pytest.skip(f"the clock of {server} cannot be shifted")


def wait_for_begin() -> None:
    """Wait until the clock shows the moment at which the first test is to begin."""
    left = float(os.environ.get("SHIFTED_BEGIN", 0)) - time.time()
    if left > MAX_WAIT_SECONDS:
        pytest.exit("libfaketime does not shift this Python's clock", 2)
    time.sleep(max(0.0, left))
