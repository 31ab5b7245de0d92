"""Measures what the operator costs on a real control plane.

`small`: jobs of one image at a steady rate; the worker is played and takes 20 ms for each. `restart`: the
operator starts over thousands of ImageJobs; half have ended, the others wait; one worker shows itself and
takes nothing. It does so twice: first Redis has lost all tasks. `rest`: the same operator a minute later,
when nothing changes.

Requests are counted in the API server's audit log by user; processor time, unlike times of the clock, hardly
depends on what else the machine does. All of it is written to `bench-operator.json`.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx2
import redis

from audit import AuditLog, Request
from imagejobs_contract.model import names
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.wire import redis_keys
from support.clock.waiting import eventually
from support.cluster.control_plane import find_programs, running
from support.operator.cluster import API, Cluster, photo
from support.operator.process import Operator, operator, s3_environ
from support.servers import data_servers

WORK_SECONDS = 0.02
"""Of a played image."""
QUIET_SECONDS = 5.0
"""Without a request but watches: the start is over. A page of a list takes up to a second."""
CREATORS = 8
"""Connections that create objects."""
SPEC = {"items": [{"name": "a.jpg", "key": "in/a.jpg"}], "variants": [{"width": 32}], "execution": "Auto"}
READS = ("list", "watch")


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part works with.

    Attributes:
        environ: The operator's variables.
        profiles: Folder for profiles of the operators, or None.
    """

    cluster: Cluster
    audit: AuditLog
    environ: dict[str, str]
    redis_url: str
    folder: Path
    profiles: Path | None


def main() -> int:
    """Measure and print; return 1 if a target was missed."""
    arguments = _arguments()
    with ExitStack() as stack:
        bench = _start(stack, arguments.profiles)
        report: dict[str, Any] = {}
        if "small" in arguments.only:
            report["small"] = measure_small_jobs(bench, arguments.jobs, arguments.per_second)
        if "restart" in arguments.only:
            _create_objects(bench, arguments.objects)
            report["restart, Redis empty"], _ = measure_restart(bench, arguments.objects, 0)
            report["restart"], report["rest"] = measure_restart(
                bench, arguments.objects, arguments.rest_seconds
            )
    for part, figures in report.items():
        sys.stdout.write(_rows(part, figures))
    Path("bench-operator.json").write_text(json.dumps(report, indent=1) + "\n")
    return int(any(target.missed(report) for target in TARGETS))


@dataclass(frozen=True, slots=True)
class Target:
    """A bound of one figure."""

    part: str
    figure: str
    most: float

    def missed(self, report: dict[str, dict[str, Any]]) -> bool:
        """Return whether the figure was measured and is above the bound."""
        return report.get(self.part, {}).get(self.figure, 0.0) > self.most


TARGETS = (
    Target("small", "requests a job", 4.0),
    Target("small", "processor ms a job", 8.0),
    Target("small", "p95 ms over the work", 300.0),
    Target("restart", "processor s", 5.0),
    Target("restart", "requests beside lists", 20),
    Target("restart", "writes", 0),
    Target("rest", "percent of a core", 2.0),
    Target("rest", "requests a second", 1.0),
    Target("rest", "resident MB", 250.0),
)


def measure_small_jobs(bench: Bench, jobs: int, per_second: float) -> dict[str, Any]:
    """Create jobs of one image at a steady rate, and wait until all have ended."""
    with _operator(bench, "small") as program, _playing_worker(bench.redis_url):
        bench.audit.read_new()
        cpu = _processor_seconds(program)
        began = time.monotonic()
        for number in range(jobs):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            bench.cluster.create(f"small-{number}", SPEC)
        last = [f"small-{number}" for number in range(jobs)]
        for name in reversed(last):
            bench.cluster.wait_for_state(name, "Succeeded", seconds=600)
        requests = bench.audit.read_new()
        cpu = _processor_seconds(program) - cpu
    ours = [each for each in requests if each.user == _user(bench)]
    waits = sorted(_latencies(requests, _user(bench)))
    bench.cluster.plane.kubectl(
        "delete", names.PLURAL, "--all", "-n", bench.cluster.namespace, "--wait=false"
    )
    return {
        "jobs": jobs,
        "requests a job": round(sum(each.verb not in READS for each in ours) / jobs, 2),
        "writes a job": round(sum(each.writes for each in ours) / jobs, 2),
        "processor ms a job": round(1000 * cpu / jobs, 1),
        "p50 ms over the work": round(1000 * (_share(waits, 0.5) - WORK_SECONDS)),
        "p95 ms over the work": round(1000 * (_share(waits, 0.95) - WORK_SECONDS)),
    }


def measure_restart(bench: Bench, objects: int, rest_seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start the operator over many objects, and look at it again when nothing changes."""
    with _showing_worker(bench.redis_url):
        bench.audit.read_new()
        began = time.monotonic()
        with _operator(bench, "restart") as program:
            requests = _read_until_quiet(bench)
            ours = [each for each in requests if each.user == _user(bench)]
            restart = {
                "objects": objects,
                "requests beside lists": sum(each.verb not in READS for each in ours),
                "lists": sum(each.verb == "list" for each in ours),
                "writes": sum(each.writes for each in ours),
                "processor s": round(_processor_seconds(program), 2),
                "s of the clock": round(time.monotonic() - began - QUIET_SECONDS, 1),
            }
            cpu = _processor_seconds(program)
            time.sleep(rest_seconds)
            ours = [each for each in bench.audit.read_new() if each.user == _user(bench)]
            rest = {
                "percent of a core": round(
                    100 * (_processor_seconds(program) - cpu) / max(1.0, rest_seconds), 2
                ),
                "requests a second": round(
                    sum(each.verb != "watch" for each in ours) / max(1.0, rest_seconds), 2
                ),
                "writes": sum(each.writes for each in ours),
                "resident MB": _resident_mb(program),
            }
    return restart, rest


def _start(stack: ExitStack, profiles: Path | None) -> Bench:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for name in ("valkey", "seaweed", "plane", "operator"):
        (folder / name).mkdir()
    valkey = data_servers.start_valkey(folder / "valkey", _found(data_servers.find_valkey(), "valkey-server"))
    stack.callback(valkey.stop)
    seaweed = data_servers.start_seaweed(folder / "seaweed", _found(data_servers.find_weed(), "weed"))
    stack.callback(seaweed.stop)
    audit = AuditLog(folder)
    plane = stack.enter_context(running(find_programs(os.environ), folder / "plane", audit.server_options()))
    s3 = data_servers.bucket_settings(seaweed, "bench")
    client = boto3.client(
        "s3", endpoint_url=s3.endpoint, region_name=s3.region,
        aws_access_key_id=s3.access_key_id, aws_secret_access_key=s3.secret_access_key,
    )  # fmt: skip
    client.create_bucket(Bucket="bench")
    client.put_object(Bucket="bench", Key="in/a.jpg", Body=photo())
    redis_url = valkey.url("redis", "redis") + "/0"
    cluster = Cluster(plane, plane.new_namespace(), {**s3_environ(s3), "REDIS_URL": redis_url})
    environ = {
        **cluster.environ, "KUBECONFIG": str(cluster.operator_kubeconfig()), "NAMESPACES": cluster.namespace,
        "WORKER_IMAGE": "worker:bench", "WORKER_ENV_SECRET": "s3", "WORKER_ENV_CONFIG_MAP": "settings",
        "GRANTS": json.dumps({cluster.namespace: {"sources": ["in/"], "pods": 100}}),
    }  # fmt: skip
    return Bench(cluster, audit, environ, redis_url, folder / "operator", profiles)


def _found(program: Path | None, name: str) -> Path:
    if program is None:
        raise SystemExit(f"{name} is missing")
    return program


@contextmanager
def _operator(bench: Bench, part: str = "") -> Iterator[Operator]:
    profile = bench.profiles / f"{part}.prof" if bench.profiles and part else None
    with operator(bench.folder, bench.environ, profile) as program:
        yield program
        program.stop()


def _user(bench: Bench) -> str:
    return f"system:serviceaccount:{bench.cluster.namespace}:imagejobs-operator"


def _create_objects(bench: Bench, count: int) -> None:
    """Create ImageJobs with the status that an operator gave them; every second one has ended."""
    url = f"{API}/namespaces/{bench.cluster.namespace}/{names.PLURAL}"
    plane = bench.cluster.plane
    headers = {"Authorization": f"Bearer {plane.token}"}
    statuses = _learn_statuses(bench)

    def create(client: httpx2.Client, number: int) -> None:
        name = f"many-{number}"
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": SPEC}
        stored = client.post(url, json=body).raise_for_status().json()
        stored["status"] = statuses[number % 2]
        client.put(f"{url}/{name}/status", json=stored).raise_for_status()

    with (
        httpx2.Client(
            base_url=plane.url, headers=headers, verify=str(plane.certificate), timeout=60
        ) as client,
        ThreadPoolExecutor(CREATORS) as pool,
    ):
        for done in [pool.submit(create, client, number) for number in range(count)]:
            done.result()


def _learn_statuses(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an operator writes into an ended job and into one that waits for its turn."""
    with _operator(bench):
        with _playing_worker(bench.redis_url):
            bench.cluster.create("ended", SPEC)
            ended = bench.cluster.wait_for_state("ended", State.SUCCEEDED)
        with _showing_worker(bench.redis_url):
            bench.cluster.create("waiting", SPEC)
            waiting = bench.cluster.wait_for_state("waiting", State.QUEUED, State.PENDING)
    return ended, waiting


def _read_until_quiet(bench: Bench) -> list[Request]:
    """Return all requests until the operator has sent none but watches for a while."""
    requests, quiet_since = list[Request](), [time.monotonic()]

    def is_quiet() -> bool:
        new = bench.audit.read_new()
        requests.extend(new)
        if any(each.user == _user(bench) and each.verb != "watch" for each in new):
            quiet_since[0] = time.monotonic()
        return time.monotonic() - quiet_since[0] > QUIET_SECONDS

    eventually(is_quiet, 1200, what="the operator has looked at all objects", pause_seconds=0.2)
    return requests


@contextmanager
def _playing_worker(redis_url: str) -> Iterator[None]:
    """Run a worker whose images take 20 ms, until the end of the block."""
    over, shown = threading.Event(), threading.Event()

    async def play(queue: RedisTaskQueue, consumer: str) -> None:
        while not over.is_set():
            lease = await queue.lease(consumer, 0.2)
            shown.set()
            if lease:
                await asyncio.sleep(WORK_SECONDS)
                await queue.ack(consumer, lease, Outcome(lease.task.index, "a.jpg", lease.task.attempt))

    async def run() -> None:
        queue = RedisTaskQueue(redis_url)
        await asyncio.gather(*(play(queue, f"bench-{number}") for number in range(4)))
        await queue.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    shown.wait(30)
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _showing_worker(redis_url: str) -> Iterator[None]:
    """Let a worker be seen that takes nothing, until the end of the block."""
    over = threading.Event()

    def show() -> None:
        with redis.Redis.from_url(redis_url) as client:
            while not over.wait(1):
                client.zadd(redis_keys.WORKERS, {"bench": client.time()[0]})

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _latencies(requests: Sequence[Request], user: str) -> Iterator[float]:
    """Yield the seconds from the answer to a job's creation to the answer to its last status."""
    created = {each.name: each.answered for each in requests if each.verb == "create" and each.is_job}
    ended = {
        each.name: each.answered
        for each in requests
        if each.user == user and each.is_job and each.subresource == "status" and each.succeeded
    }
    yield from ((ended[name] - created[name]).total_seconds() for name in created if name and name in ended)


def _share(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _processor_seconds(program: Operator) -> float:
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(program: Operator) -> float:
    lines = Path(f"/proc/{program.process.pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 1)


def _rows(part: str, figures: dict[str, Any]) -> str:
    most = {each.figure: each.most for each in TARGETS if each.part == part}
    lines = [part]
    for name, value in figures.items():
        bound = "" if name not in most else f"   (at most {most[name]:g}{', MISSED' * (value > most[name])})"
        lines.append(f"  {name:<24}{value:>10}{bound}")
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["small", "restart"], help="small, restart (with rest)")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--per-second", type=float, default=16.7, help="Jobs; 50 is 3,000 a minute.")
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rest-seconds", type=float, default=60.0)
    parser.add_argument("--profiles", type=Path, help="Folder for profiles; the profiler itself costs time.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
