"""Starts a real Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager; no kubelet.

Pods stay Pending until a test plays the kubelet. Everything listens on loopback only and ends with the test
run, however that ends.
"""

import os
import secrets
import socket
import subprocess
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from imagejobs_contract.runtime.die_with_parent import die_with_parent
from support.clock import shifted_clock
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane, write_kubeconfig

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
CONTROLLERS = (
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
)
BUILD = Path(__file__).parents[2] / "programs" / "build"
MANIFESTS = Path(__file__).parents[3] / "manifests"
CRD, ADMISSION = MANIFESTS / "crd.yaml", MANIFESTS / "admission.yaml"
ATTEMPTS = 3
"""Somebody else may take a port between our choice and the program's start."""


class ProgramsMissing(Exception):
    """Raised when the programs are not there and cannot be compiled."""


class EndedEarly(Exception):
    """Raised when a program ended while it was starting; the text is the end of its log."""


def find_programs(environ: Mapping[str, str]) -> Path:
    """Return the folder of the programs: KUBEBUILDER_ASSETS, else the build script's, which may compile."""
    folder = Path(environ.get("KUBEBUILDER_ASSETS") or _compiled())
    if absent := [program for program in PROGRAMS if not (folder / program).is_file()]:
        raise ProgramsMissing(f"{folder} lacks {', '.join(absent)}")
    return folder


@contextmanager
def running_for_tests(folder: Path) -> Iterator[ControlPlane]:
    """Run a control plane; without its programs the test is skipped, or fails in CI."""
    try:
        programs = find_programs(os.environ)
    except ProgramsMissing as ex:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no control plane: {ex}")
    with running(programs, folder) as plane:
        yield plane


def _compiled() -> str:
    built = subprocess.run([BUILD, "kube"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise ProgramsMissing(built.stderr.strip()[-500:])
    return built.stdout.strip()


@contextmanager
def running(programs: Path, folder: Path, server_options: Sequence[str] = ()) -> Iterator[ControlPlane]:
    """Run a control plane in which ImageJobs are defined.

    Args:
        server_options: Further options of kube-apiserver.
    """
    shifted_clock.skip_beside("a control plane")
    for attempt in range(ATTEMPTS):
        with ExitStack() as stack:
            try:
                plane = _start(stack, programs, folder / str(attempt), server_options)
            except EndedEarly:
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            yield plane
            return


def _start(stack: ExitStack, programs: Path, folder: Path, server_options: Sequence[str]) -> ControlPlane:
    folder.mkdir(parents=True)
    etcd_port, peer_port, api_port = _free_ports(3)
    token, tokens = secrets.token_hex(16), folder / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{token},admin,admin,system:masters\n")
    certificates = folder / "certificates"
    url, certificate = f"https://127.0.0.1:{api_port}", certificates / "apiserver.crt"
    kubeconfig = write_kubeconfig(folder / "admin.kubeconfig", url, certificate, token)
    plane = ControlPlane(url, token, certificate, kubeconfig, folder, programs)

    etcd = _spawn(stack, folder, _etcd(programs, folder, etcd_port, peer_port))
    command = [*_apiserver(programs, certificates, tokens, etcd_port, api_port), *server_options]
    server = _spawn(stack, folder, command)
    eventually(lambda: _alive(folder, etcd, server) and _ready(plane), 60)
    plane.kubectl("apply", "--server-side", "-f", str(CRD), "-f", str(ADMISSION))
    plane.kubectl("wait", "--for=condition=Established", "-f", str(CRD))
    # Only now: the garbage collector looks for new kinds of owners every 30 s.
    _spawn(stack, folder, _controller_manager(programs, kubeconfig))
    return plane


def _etcd(programs: Path, folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(programs / "etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
        "--log-level", "error",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", f"default={peer}",
    ]  # fmt: skip


def _apiserver(programs: Path, certificates: Path, tokens: Path, etcd_port: int, port: int) -> list[str]:
    key = str(certificates / "apiserver.key")  # made at the start, before it is read for the second purpose
    return [
        str(programs / "kube-apiserver"), "--etcd-servers", f"http://127.0.0.1:{etcd_port}",
        "--bind-address", "127.0.0.1", "--secure-port", str(port), "--cert-dir", str(certificates),
        "--token-auth-file", str(tokens), "--authorization-mode", "RBAC",
        "--service-cluster-ip-range", "10.0.0.0/24",
        "--service-account-issuer", "https://kubernetes.default.svc",
        "--service-account-signing-key-file", key, "--service-account-key-file", key,
    ]  # fmt: skip


def _controller_manager(programs: Path, kubeconfig: Path) -> list[str]:
    return [
        str(programs / "kube-controller-manager"), "--kubeconfig", str(kubeconfig),
        "--controllers", ",".join(CONTROLLERS),
        "--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000",
    ]  # fmt: skip


def _spawn(stack: ExitStack, folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    process = start_server(command, folder)
    stack.callback(_stop, process)
    return process


def start_server(command: Sequence[str], logs: Path) -> subprocess.Popen[bytes]:
    """Start a program of a control plane; it ends with this one, and prints into a file in `logs`."""
    with (logs / f"{Path(command[0]).name}.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # nothing of it is kept
    process.wait(10)


def _alive(folder: Path, *processes: subprocess.Popen[bytes]) -> bool:
    for process in processes:
        if process.poll() is not None:
            name = Path(str(process.args[0])).name  # type: ignore[index]
            raise EndedEarly(
                f"{name} ended with {process.returncode}: {(folder / f'{name}.log').read_text()[-2000:]}"
            )
    return True


def _ready(plane: ControlPlane) -> bool:
    try:
        return plane.request("GET", "/api/v1/namespaces/default")[0] == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
