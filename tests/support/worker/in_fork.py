"""Runs functions that cannot be undone, such as entering a cage, in a fork that is thrown away."""

import os
import signal
from collections.abc import Callable

SECONDS = 30
"""A fork that takes longer is ended by SIGALRM."""
KILLED = 200
"""Added to the number of the signal that ended the fork."""


def outcome(*acts: Callable[[], object]) -> int:
    """Run the functions in turn; return 0 if all worked, else the errno, or `KILLED` and the signal."""
    pid = os.fork()
    if not pid:
        code = 255
        signal.alarm(SECONDS)
        try:
            for act in acts:
                act()
            code = 0
        except OSError as ex:
            code = ex.errno or code
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    return KILLED + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
