"""Memory that is kept for the next upload, seen by the kernel's count of page faults."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs.local.programs import MALLOC

DOCKERFILE = Path(__file__).resolve().parents[3] / "api" / "Dockerfile"
FAULTS = """
import resource

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def upload():
    pieces = [bytes(256_000) for _ in range(4)]
    return len(b"".join(pieces))

for _ in range(20):
    upload()
before = faults()
for _ in range(100):
    upload()
print(faults() - before)
"""


def settings_of_the_image() -> dict[str, str]:
    return dict(re.findall(r"(MALLOC_\w+)=(\d+)", DOCKERFILE.read_text()))


def test_both_places_that_start_the_api_set_the_same():
    assert settings_of_the_image() == MALLOC
    assert len(MALLOC) == 2  # one alone would be adjusted by glibc


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_an_upload_finds_the_memory_of_the_one_before():
    kept, as_ever = (
        int(
            subprocess.run(
                [sys.executable, "-c", FAULTS], check=True, capture_output=True, env=os.environ | settings
            ).stdout
        )
        for settings in (settings_of_the_image(), {})
    )
    assert kept < 200
    assert as_ever > 2 * kept
