"""The limit of open files of this process, and so of connections."""

import logging
import resource

OTHER_FILES = 256
"""Files that the process needs beside its clients: Redis (64), S3 (one per upload in flight), the store,
logs, the event loop.
"""

log = logging.getLogger(__name__)


def max_connections(wanted: int) -> int:
    """Raise the soft limit of open files as needed and allowed; return how many connections it is enough for.

    Shells and systemd give 1,024 by default, so that old programs with `select()` work; other programs should
    raise the soft limit themselves (systemd, "File Descriptor Limits"). At the limit `accept` fails, and
    clients wait without an answer instead of getting a 503.

    Returns:
        At most `wanted`, at least 1.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = max(1, min(wanted, soft - OTHER_FILES))
    if most < wanted:
        log.warning(
            "fewer connections than MAX_CONNECTIONS",
            extra={"max_connections": wanted, "served": most, "open_files": hard},
        )
    return most
