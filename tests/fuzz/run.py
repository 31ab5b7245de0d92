"""Fuzzes the image work for so many seconds: `make fuzz`.

Fetches atheris into a folder of its own; findings are left beside it.

The corpus grows from run to run. A finding becomes a test in `tests/support/images/hostile_files.py`, and is
fixed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from support.images import hostile_files

ATHERIS = "atheris>=3,<4"
HOME = Path(".cache/fuzz")
MEGABYTES = 2048
TARGET = Path(__file__).with_name("images.py")


def main() -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    corpus, findings = HOME / "corpus", HOME / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    _sow(corpus)
    _fetch(HOME / "atheris")
    bounds = [
        f"-max_total_time={seconds}",
        "-timeout=60",
        f"-rss_limit_mb={MEGABYTES}",
        "-max_len=65536",
        f"-artifact_prefix={findings}/",
    ]
    path = os.pathsep.join([str(HOME / "atheris"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, TARGET, *bounds, corpus], env=os.environ | {"PYTHONPATH": path}, check=False
    ).returncode


def _sow(corpus: Path) -> None:
    small = {name: data for name, (data, _) in hostile_files.files().items() if len(data) <= 2**15}
    for number, data in enumerate((hostile_files.seeds() | small).values()):
        (corpus / f"seed-{number}").write_bytes(bytes((number, number // 6)) + data)


def _fetch(folder: Path) -> None:
    if not folder.is_dir():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--target", folder, ATHERIS],
            check=True,
        )


sys.exit(main())
