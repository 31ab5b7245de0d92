"""`python -m imagejobs_api.callers`: makes keys, and checks a file of callers before it is installed.

Needs neither network nor settings.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imagejobs_api.callers import api_keys
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_contract.errors import Invalid

HEAD = "# The key, shown this once: give it to the caller and keep it nowhere else.\n"
ENTRY = "# For the file of callers:\n- name: {name}\n  keys:\n    - sha256: {sha256}\n"
READ_ONLY = "      read_only: true\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of the arguments; return the exit code, 1 for an invalid file."""
    given = _parser().parse_args(arguments)
    if given.command == "check":
        return check(given.file)
    key = api_keys.new_key()
    entry = ENTRY.format(name=given.name, sha256=api_keys.digest(key)) + (
        READ_ONLY if given.read_only else ""
    )
    sys.stdout.write(f"{HEAD}{key}\n\n{entry}")
    return 0


def check(file: Path) -> int:
    """Print the faults of a file; return the exit code, 1 if there are any."""
    try:
        CallersFile(file, "default")
    except Invalid as ex:
        sys.stdout.writelines(f"{fault}\n" for fault in ex.faults)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m imagejobs_api.callers", description="API keys of callers."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="make a key, and its entry for the file of callers")
    new.add_argument("name", help="name of the caller: a DNS label")
    new.add_argument("--read-only", action="store_true", help="the key may only read")
    commands.add_parser("check", help="print the faults of a file of callers").add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
