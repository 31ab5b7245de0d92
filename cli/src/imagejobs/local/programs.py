"""Our own programs as values, each `python -m <package>` with its settings in its environment."""

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
RELEASE_SECONDS = 2
"""How long a worker may finish its image after SIGTERM; then it releases the task for the next start."""
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(16 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(8 * 2**20)}
"""As in the API's image: glibc keeps freed memory for the next upload. The reasons are in api/Dockerfile."""


def api(data: DataDirectory, environ: Mapping[str, str], host: str, port: int) -> Program:
    """Return the API; it is ready when it can take jobs, which needs every other part.

    It alone gets the secret that signs watch links, unless the person has a WATCH_SECRETS.
    """
    environ = {"WATCH_SECRETS": data.watch_secret(), **environ}
    ready = probes.both(
        probes.log_has_ready_event, probes.http_answers(host, port, "/readyz", frozenset({200}))
    )
    return _python("api", ["imagejobs_api"], data, {**MALLOC, **environ}, ready, API_GRACE_SECONDS)


def operator(data: DataDirectory, environ: Mapping[str, str], images_at_once: int) -> Program:
    """Return the operator.

    It runs the shards of large jobs itself, as many at once as all pool workers together render images.
    """
    environ = {
        "SHARD_PROCESSES": str(images_at_once),
        **_shift_metrics_port(environ, 1),
        "GRACE_SECONDS": str(RELEASE_SECONDS),
    }
    ready = probes.log_has_ready_event
    return _python("operator", ["imagejobs_operator"], data, environ, ready, OPERATOR_GRACE_SECONDS)


def worker(data: DataDirectory, environ: Mapping[str, str], number: int, images_at_once: int) -> Program:
    """Return a pool worker; a MAX_PARALLEL of the person's goes before `images_at_once`."""
    name = f"worker-{number}"
    environ = {
        "MAX_PARALLEL": str(images_at_once),
        **_shift_metrics_port(environ, 1 + number),
        "WORKER_NAME": name,
        "GRACE_SECONDS": str(RELEASE_SECONDS),
    }
    ready = probes.log_has_ready_event
    return _python(name, ["imagejobs_worker", "pool"], data, environ, ready, WORKER_GRACE_SECONDS)


def check_installed() -> None:
    """Raise `CannotRun` unless all our programs are installed."""
    missing = [
        name
        for name in ("imagejobs_api", "imagejobs_operator", "imagejobs_worker")
        if find_spec(name) is None
    ]
    if missing:
        raise CannotRun(
            f"{', '.join(missing)} is not installed. "
            "Install imagejobs with the extra `local`: pip install 'imagejobs[local]'."
        )


def _shift_metrics_port(environ: Mapping[str, str], by: int) -> Mapping[str, str]:
    """Return the environment with a metrics port of the program's own, if METRICS_LISTEN is set.

    A METRICS_LISTEN that is wrong stays as it is: the program refuses it.
    """
    host, _, port = environ.get("METRICS_LISTEN", "").rpartition(":")
    if not port.isdecimal() or not int(port):
        return environ
    return {**environ, "METRICS_LISTEN": f"{host}:{int(port) + by}"}


def _python(
    name: str,
    module: Sequence[str],
    data: DataDirectory,
    environ: Mapping[str, str],
    ready: probes.Probe,
    grace_seconds: float,
) -> Program:
    argv = (sys.executable, "-m", *module)
    return Program(name, argv, environ, data.path, data.logs / f"{name}.log", ready, grace_seconds)
