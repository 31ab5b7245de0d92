"""MAX_CONNECTIONS above the limit of open files: the soft limit is raised, the hard limit is logged."""

import resource
import subprocess
import sys

import pytest

ASK = """
import logging, resource, sys
from imagejobs_api.serving.file_limit import max_connections
logging.basicConfig(stream=sys.stdout, format="%(message)s")
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(max_connections(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def ask(soft: int, hard: int, wanted: int) -> list[str]:
    """Return what a process of its own prints: limits cannot be raised again."""
    return subprocess.run(
        [sys.executable, "-c", ASK, *map(str, (soft, hard, wanted))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 5000, reason="the machine's hard limit is lower"
)
def test_the_soft_limit_is_raised_as_far_as_needed():
    assert ask(1024, 5000, 4000) == ["4000 4256"]
    assert ask(5000, 5000, 100) == ["100 5000"]


def test_what_the_hard_limit_forbids_is_said():
    assert ask(512, 1024, 4000) == ["fewer connections than MAX_CONNECTIONS", "768 1024"]
    assert ask(64, 64, 10)[-1] == "1 64"
