"""Fuzzes a whole stack through its API for so many seconds: `make fuzz-api`.

What was found is printed, with the curl that shows it again.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from support.api.fuzz import fuzz, target


def main() -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=None, help="the seed of an earlier run")
    given = parser.parse_args()
    seed = ("--seed", str(given.seed)) if given.seed is not None else ()
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as environ:
        done = fuzz(
            environ,
            "--max-time",
            str(given.seconds),
            "--continue-on-failure",
            "--generation-database",
            "none",
            *seed,
        )
    sys.stdout.write(done.stdout)
    return done.returncode


sys.exit(main())
