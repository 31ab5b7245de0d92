"""How many files this process may hold open, and so how many connections."""

import logging
import resource

SPARE_FILES = 256
"""What the process needs beside its clients: Redis (64), S3 (one per upload in flight), the store, logs, its
event loop.
"""

log = logging.getLogger(__name__)


def max_connections(wanted: int) -> int:
    """Return how many connections can be served, at most `wanted`, once the soft limit of open files is raised as far as needed and allowed.

    Shells and systemd give 1,024 by default, so that old programs with `select()` work; programs without it
    are to raise the soft limit themselves (systemd, "File Descriptor Limits"). At the limit accepting fails,
    and clients wait for nothing instead of being told.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = max(1, min(wanted, soft - SPARE_FILES))
    if most < wanted:
        log.warning(
            "fewer connections than MAX_CONNECTIONS",
            extra={"max_connections": wanted, "served": most, "open_files": hard},
        )
    return most
