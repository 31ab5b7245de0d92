"""A cluster for `make chaos`: a real control plane; API, operator, workers and pods are processes."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagejobs_contract.model import names
from support.chaos.kept_process import KeptProcess
from support.chaos.kubelet import NOT_THERE, Kubelet
from support.chaos.machine import (
    LEASE_SECONDS,
    PLAIN_BUCKET,
    RESYNC_SECONDS,
    SOURCES,
    Machine,
    make_clock,
    make_photos,
    start_servers,
    store_sources,
)
from support.chaos.plan import Place, Target
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane, write_kubeconfig
from support.cluster.control_plane import find_programs, running, start_server
from support.operator.cluster import API, Cluster
from support.servers import data_servers, local_stack
from support.servers.tcp_line import TcpLine, tcp_line

START_SECONDS = 90.0
WORKERS = 2
SERVERS = {Target.API_SERVER: "kube-apiserver", Target.ETCD: "etcd"}


@dataclass
class ClusterMachine(Machine):
    """A running cluster.

    Attributes:
        cluster: The namespace, reached without a line.
        kept: Our programs, which run as Deployments do.
        servers: Servers of the control plane that were killed and started again.
    """

    root: Path
    api_port: int
    cluster: Cluster
    kubelet: Kubelet
    kept: dict[Target, list[KeptProcess]]
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def folder(self) -> Path:
        """The folder of its data."""
        return self.root

    def programs(self, target: Target) -> list[int]:
        """Return the processes of our programs, and of the servers of the control plane."""
        if target in self.kept:
            return sorted(each.pid for each in self.kept[target])
        plane = self.cluster.plane
        program, folder = (
            f"{plane.programs / SERVERS[target]} ",
            f" {plane.folder}/",
        )  # others have planes too
        lines = {pid: local_stack.command_line(pid) for pid in local_stack.children(os.getpid())}
        return [pid for pid, line in lines.items() if line.startswith(program) and folder in line]

    def shards(self) -> list[int]:
        """Return the processes of pods."""
        return self.kubelet.pids()

    def strays(self) -> list[str]:
        """Return the Jobs whose ImageJob is gone, for people."""
        namespace = self.cluster.namespace
        try:
            kept = self.cluster.call("GET", f"{API}/namespaces/{namespace}/{names.PLURAL}")["items"]
            jobs = self.cluster.call("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]
        except NOT_THERE as ex:
            return [f"the API server does not answer: {ex}"]
        known = {each["metadata"]["name"] for each in kept}
        owners = {each["metadata"]["name"]: each["metadata"]["labels"][names.LABEL_JOB] for each in jobs}
        return [f"Job {name} of {owner}" for name, owner in owners.items() if owner not in known]

    def kill_everything(self) -> None:
        """Refuse: on a cluster not everything dies at once."""
        raise NotImplementedError

    def kill(self, pid: int) -> None:
        """Kill a process, and start it as it was if it is of the control plane: nothing else would."""
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        if Path(command[0]).name in SERVERS.values():
            eventually(lambda: pid not in local_stack.children(os.getpid()))
            self.servers.append(start_server(command, self.root / "logs"))

    def stop(self) -> None:
        """Kill everything that was started here."""
        self.kubelet.stop()
        for each in [one for kept in self.kept.values() for one in kept]:
            each.stop()
        for server in self.servers:
            server.kill()
            server.wait()


@contextlib.contextmanager
def cluster_machine(plane: ControlPlane | None = None) -> Iterator[ClusterMachine]:
    """Start a cluster and leave nothing of it behind.

    Args:
        plane: Its control plane; None starts one.
    """
    with ExitStack() as after:
        folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="imagejobs-chaos-")))
        (folder / "logs").mkdir()
        plane = plane or after.enter_context(running(find_programs(os.environ), folder / "plane"))
        clock, clock_environ = make_clock(folder)
        lines = start_servers(folder, after)
        line = lines[Target.API_SERVER] = after.enter_context(tcp_line(int(plane.url.rpartition(":")[2])))
        environ = clock_environ | _shared_environ(lines)
        cluster = Cluster(plane, plane.new_namespace(), environ)
        port = data_servers.free_ports(["api"])["api"]
        behind_line = replace(plane, url=f"https://127.0.0.1:{line.port}")
        kept = _start(folder, port, behind_line, cluster, environ)
        kubelet = Kubelet(cluster, environ, folder / "logs" / "pods.log")
        made = ClusterMachine(
            Place.CLUSTER, lines, None, clock, make_photos(), folder, port, cluster, kubelet, kept
        )
        after.callback(made.stop)
        store_sources(made)
        eventually(made.is_ready, START_SECONDS)
        yield made


def _shared_environ(lines: Mapping[Target, TcpLine]) -> dict[str, str]:
    return {
        "REDIS_URL": f"redis://127.0.0.1:{lines[Target.REDIS].port}/0",
        "S3_ENDPOINT": f"http://127.0.0.1:{lines[Target.S3].port}",
        "S3_BUCKET": PLAIN_BUCKET,
        "S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": data_servers.ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": data_servers.SECRET_ACCESS_KEY,
        "LEASE_SECONDS": str(LEASE_SECONDS),
    }


def _start(
    folder: Path, port: int, behind_line: ControlPlane, cluster: Cluster, environ: Mapping[str, str]
) -> dict[Target, list[KeptProcess]]:
    """Start our programs; they reach the API server through its line."""
    seen = Cluster(behind_line, cluster.namespace, environ)
    admin = folder / "api.kubeconfig"
    write_kubeconfig(admin, behind_line.url, behind_line.certificate, behind_line.token)
    api = {
        "KUBECONFIG": str(admin),
        "NAMESPACE": cluster.namespace,
        "LISTEN": f"127.0.0.1:{port}",
        "SOURCE_PREFIXES": SOURCES,
    }
    operator = {
        "KUBECONFIG": str(seen.operator_kubeconfig()),
        "NAMESPACES": cluster.namespace,
        "WORKER_IMAGE": "worker:chaos",
        "WORKER_ENV_SECRET": "s3",
        "WORKER_ENV_CONFIG_MAP": "settings",
        "RESYNC_SECONDS": str(RESYNC_SECONDS),
        "GRANTS": f'{{"{cluster.namespace}": {{"sources": ["{SOURCES}"], "pods": 8}}}}',
    }
    programs: list[tuple[Target, list[str], dict[str, str]]] = [
        (Target.API, ["imagejobs_api"], api),
        (Target.OPERATOR, ["imagejobs_operator"], operator),
        *(
            (Target.WORKER, ["imagejobs_worker", "pool"], {"WORKER_NAME": f"worker-{number}"})
            for number in range(1, WORKERS + 1)
        ),
    ]
    kept: dict[Target, list[KeptProcess]] = {}
    for target, module, own in programs:
        log = folder / "logs" / f"{own.get('WORKER_NAME', target)}.log"
        started = KeptProcess([sys.executable, "-m", *module], {**environ, **own}, log)
        kept.setdefault(target, []).append(started)
    return kept
