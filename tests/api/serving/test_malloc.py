"""Memory that is kept for the next upload, seen by what the kernel counts."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from imagejobs_api.serving import malloc

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def upload():
    pieces = [bytes(256_000) for _ in range(4)]
    return len(b"".join(pieces))

if sys.argv[1] == "kept":
    malloc.keep_freed_pages()
for _ in range(20):
    upload()
before = faults()
for _ in range(100):
    upload()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_an_upload_finds_the_memory_of_the_one_before():
    kept, as_ever = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True).stdout)
        for how in ("kept", "")
    )
    assert kept < 200
    assert as_ever > 2 * kept
