"""README's first calls, typed as they are printed, in the folder that the reader is in."""

import re
import subprocess
from pathlib import Path

import pytest

from support.servers.local_stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
CALLS = re.findall(r"^curl .*", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.rpartition("/api/")[2].strip('"'))
def test_a_call_is_answered_with_2xx(stack: LocalStack, call: str) -> None:
    typed = call.replace("http://127.0.0.1:8080", stack.url).replace("curl ", "curl -sS --fail-with-body ", 1)
    done = subprocess.run(
        ["bash", "-c", typed], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
