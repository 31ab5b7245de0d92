"""`python -m imagejobs_api`, or `imagejobs-api`: reads the environment, listens, and serves."""

import logging
import os

from imagejobs_api.serving import server
from imagejobs_api.settings import Settings
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.runtime import event_loop, logs, settings


def main() -> None:
    """Serve until SIGTERM or SIGINT.

    Exit codes: 0 after a signal, 1 if it cannot start, 2 for bad settings.
    """
    given = settings.read(os.environ, Settings.read)
    logs.configure("api", given.log_level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    sock = server.listen(given.host, given.port)
    try:
        event_loop.run(server.serve(given, sock))
    except ImageJobsError as ex:
        raise SystemExit(f"cannot start: {ex.message}") from ex


if __name__ == "__main__":
    main()
