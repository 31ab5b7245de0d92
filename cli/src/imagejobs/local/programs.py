"""Our own programs, each `python -m <package>` with what it needs to know in its environment."""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from imagejobs.local import probes
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import CannotRun
from imagejobs.local.program import Program

API_GRACE_SECONDS = 5.0
OPERATOR_GRACE_SECONDS = 6.0
WORKER_GRACE_SECONDS = 5.0
HAND_BACK_SECONDS = 2
"""How long a worker may finish its image after SIGTERM before it hands it back; the next start goes on with
it.
"""


def api(data: DataDirectory, environ: Mapping[str, str], host: str, port: int) -> Program:
    """Return the API; it is ready when it can take jobs, which needs every other part."""
    ready = probes.both(probes.said_ready, probes.answers(host, port, "/readyz", frozenset({200})))
    return _python("api", ["imagejobs_api"], data, environ, ready, API_GRACE_SECONDS)


def operator(data: DataDirectory, environ: Mapping[str, str], lanes: int) -> Program:
    """Return the operator, which runs the shards of large jobs itself: as many at once as the workers have lanes."""
    environ = {
        "SHARD_PROCESSES": str(lanes),
        **_counted_on(environ, 1),
        "GRACE_SECONDS": str(HAND_BACK_SECONDS),
    }
    return _python(
        "operator", ["imagejobs_operator"], data, environ, probes.said_ready, OPERATOR_GRACE_SECONDS
    )


def worker(data: DataDirectory, environ: Mapping[str, str], number: int, lanes: int) -> Program:
    """Return one worker of the pool, which renders so many images at once unless the person's MAX_PARALLEL says otherwise."""
    name = f"worker-{number}"
    environ = {
        "MAX_PARALLEL": str(lanes),
        **_counted_on(environ, 1 + number),
        "WORKER_NAME": name,
        "GRACE_SECONDS": str(HAND_BACK_SECONDS),
    }
    return _python(name, ["imagejobs_worker", "pool"], data, environ, probes.said_ready, WORKER_GRACE_SECONDS)


def check_installed() -> None:
    """Raise `CannotRun` unless all our programs are installed."""
    missing = [
        name
        for name in ("imagejobs_api", "imagejobs_operator", "imagejobs_worker")
        if find_spec(name) is None
    ]
    if missing:
        raise CannotRun(
            f"{', '.join(missing)} is not installed. Install imagejobs with the extra `local`: pip install 'imagejobs[local]'."
        )


def _counted_on(environ: Mapping[str, str], by: int) -> Mapping[str, str]:
    """Return the environment with a port for metrics of the program's own, if they are wanted; what makes no sense is left to the program."""
    host, _, port = environ.get("METRICS_LISTEN", "").rpartition(":")
    return (
        {**environ, "METRICS_LISTEN": f"{host}:{int(port) + by}"}
        if port.isdecimal() and int(port)
        else environ
    )


def _python(
    name: str,
    module: Sequence[str],
    data: DataDirectory,
    environ: Mapping[str, str],
    ready: probes.Probe,
    grace: float,
) -> Program:
    argv = (sys.executable, "-m", *module)
    return Program(name, argv, environ, data.path, data.logs / f"{name}.log", ready, grace)
