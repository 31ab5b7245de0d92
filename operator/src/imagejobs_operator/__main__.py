"""`python -m imagejobs_operator`: reads the environment and runs the program until a signal stops it.

Exit code 0 after SIGTERM or SIGINT, 1 when a part ended by itself: a supervisor then starts the program
again.
"""

import gc
import os
import sys

from imagejobs_contract.errors import Invalid
from imagejobs_contract.runtime import event_loop, logs
from imagejobs_contract.runtime.settings import read
from imagejobs_contract.runtime.webhook_secrets import check_folder
from imagejobs_operator.program import PROGRAM, run
from imagejobs_operator.settings import Settings

GARBAGE_OBJECTS, YOUNG_COLLECTIONS, MIDDLE_COLLECTIONS = 10_000, 20, 50
"""Thresholds of the garbage collector. With Python's own, reading pages of thousands of objects takes three
times as long: each page brings many objects and hardly any garbage.
"""


def main() -> int:
    """Run the program and return its exit code."""
    settings = read(os.environ, Settings.read)
    logs.configure(PROGRAM, settings.log_level)
    try:
        check_folder(settings.webhooks.folder)
    except Invalid as ex:
        raise SystemExit(f"cannot start: {ex.message}") from ex
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, YOUNG_COLLECTIONS, MIDDLE_COLLECTIONS)
    return event_loop.run(run(settings, os.environ))


if __name__ == "__main__":
    sys.exit(main())
