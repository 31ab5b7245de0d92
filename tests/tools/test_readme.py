"""README's first screen: its calls need nothing but the clone."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALLS = re.findall(r"^curl .*", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_it_calls_what_it_promises():
    assert {call.split("/api/")[1].split("?")[0].rstrip('"') for call in CALLS} == {"resize", "batch", "jobs"}


def test_every_file_that_it_sends_is_in_the_clone():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    sent = {name for call in CALLS for name in re.findall(r'@([^";]+)', call)}
    assert sent
    assert sent <= set(listed)


def test_no_call_names_the_id_of_a_job_that_exists_nowhere_else():
    assert not [call for call in CALLS if re.search(r"/[jk][0-9a-z]{12,}", call)]
