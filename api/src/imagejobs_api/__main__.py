"""`python -m imagejobs_api`, or `imagejobs-api`: reads the environment, then serves."""

import asyncio
import logging
import os
import sys

from imagejobs_api import heap, server
from imagejobs_api.settings import Settings
from imagejobs_contract import logs, settings
from imagejobs_contract.errors import ImageJobsError


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit codes: 0 after a signal, 1 if it cannot start, 2 for bad settings."""
    read = settings.read(os.environ, Settings.read)
    logs.configure("api", read.log_level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    heap.keep()
    sock = server.listen(read.host, read.port)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(server.serve(read, sock))
    except ImageJobsError as ex:
        raise SystemExit(f"cannot start: {ex.message}") from ex


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop


if __name__ == "__main__":
    main()
