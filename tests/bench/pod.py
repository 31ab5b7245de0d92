"""Measures what images cost a pod of a Job, from exec to exit, against a real S3: `make bench-pod`.

The pod is `python -m imagejobs_worker shard` with one image, T1, in its slice, or with so many: it reads its inputs, starts the child, gets the
image, makes it 720 pixels wide, puts it and its outcome, and ends. Processor time is that of all its processes; memory is the most that they
held together (PSS). With many images `busy` tells how many cores the pod kept busy, S3 not counted.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import boto3

import localstack
import servers
from imagejobs_contract import layout
from imagejobs_contract.objects import S3Objects
from imagejobs_contract.options import Variant
from imagejobs_contract.settings import S3Settings
from imagejobs_contract.shards import Work, cut, offsets_json

UID = "bench-pod"
BUCKET = "bench"
SOURCE = "photos/t1.jpg"
SAMPLE_SECONDS = 0.004
"""For one image; a look costs a millisecond, so that longer runs are looked at less often."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pod; times in milliseconds from exec.

    Attributes:
        ready: Its inputs are read; the next thing is the image.
        ended: It has exited.
        cpu: Processor time of all its processes.
        start_mb: Held by the pod's own process when it is ready.
        peak_mb: Held by all together at most.
        children: Processor time of the children alone: decoding, resizing, encoding.
        idle: Cores of the machine that nobody used meanwhile, S3 and all else counted.
    """

    ready: float
    ended: float
    cpu: float
    start_mb: float
    peak_mb: float
    children: float
    idle: float

    @property
    def busy(self) -> float:
        """Return the cores that were busy with pictures, from the first image on."""
        return self.children / (self.ended - self.ready)


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=1)
    given = parser.parse_args()
    photo = given.photo.read_bytes() if given.photo else localstack.photo(2725, 2225)
    with tempfile.TemporaryDirectory() as folder:
        binary = servers.find_weed()
        if binary is None:
            raise SystemExit("SeaweedFS is missing")
        server = servers.start_seaweed(Path(folder), binary)
        try:
            make_bucket(server)
            runs = [run(server, photo, Path(folder), given.images, given.parallel) for _ in range(given.rounds + 1)][1:]
        finally:
            server.stop()
    names = ("ready", "ended", "cpu", "start_mb", "peak_mb", "children", "busy", "idle")
    sys.stdout.write("  ".join(f"{name} {median(getattr(each, name) for each in runs):.2f}" for name in names) + "\n")


def run(server: servers.Server, photo: bytes, folder: Path, images: int, parallel: int) -> Run:
    """Lay one job out, run its only pod, and return what it cost."""
    lay_out(server, photo, images)
    log = folder / "log"
    with log.open("wb") as out:
        began, clock = time.perf_counter(), time.time()
        environ = environment(server) | {"MAX_PARALLEL": str(parallel)}
        process = subprocess.Popen([sys.executable, "-m", "imagejobs_worker", "shard"], env=environ, stdout=out, stderr=out)
        before = idle()
        peak, start, children = watched(process.pid, log)
        unused = (idle() - before) / (time.perf_counter() - began)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(log.read_text())
    ready = next(datetime.fromisoformat(line["time"]).timestamp() for line in events(log) if line["event"] == "ready")
    cpu = 1000 * (used.ru_utime + used.ru_stime) + children
    return Run(1000 * (ready - clock), 1000 * (time.perf_counter() - began), cpu, start, peak, children, unused)


def idle() -> float:
    """Return the seconds that the machine's cores have been idle together."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(fields[4]) / os.sysconf("SC_CLK_TCK")


def watched(pid: int, log: Path) -> tuple[float, float, float]:
    """Watch until the pod ends.

    Returns:
        The most that its processes held together in MB, what its own held when it was ready, and the processor time of those that the
        zygotes forked in milliseconds: nobody waits for these, so that wait4 does not know it.
    """
    peak = start = 0.0
    began = time.perf_counter()
    seconds: dict[int, float] = {}
    while held := [pss(each) for each in (pid, *descendants(pid))]:
        if not held[0]:
            break
        peak = max(peak, sum(held))
        if not start and any(line["event"] == "ready" for line in events(log)):
            start = held[0]
        for child in [each for zygote in descendants(pid, 1) for each in descendants(zygote, 1)]:
            seconds[child] = spent(child) or seconds.get(child, 0.0)
        time.sleep(max(SAMPLE_SECONDS, (time.perf_counter() - began) / 20))
    return peak, start, 1000 * sum(seconds.values())


def descendants(pid: int, depth: int = 9) -> list[int]:
    """Return the children of a process, and theirs."""
    try:
        found = [int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()]
    except OSError:
        return []
    return [each for child in found for each in (child, *(descendants(child, depth - 1) if depth > 1 else []))]


def spent(pid: int) -> float:
    """Return the processor time of a process of one thread, in seconds; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return 0.0


def pss(pid: int) -> float:
    """Return the memory of a process in MB, pages that it shares counted in part; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def events(log: Path) -> list[dict[str, str]]:
    """Return the lines of a log that are whole."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]


def make_bucket(server: servers.Server) -> None:
    """Make the bucket, as whoever installs imagejobs does."""
    boto3.client(
        "s3", endpoint_url=server.url("s3"), region_name="us-east-1",
        aws_access_key_id=servers.ACCESS_KEY_ID, aws_secret_access_key=servers.SECRET_ACCESS_KEY,
    ).create_bucket(Bucket=BUCKET)  # fmt: skip


def lay_out(server: servers.Server, photo: bytes, images: int) -> None:
    """Put image and inputs into S3 as api and operator do, and forget what an earlier pod did."""
    lines = [json.dumps({"name": f"{n}.jpg", "key": SOURCE}).encode() + b"\n" for n in range(images)]
    files = {
        SOURCE: photo,
        layout.spec(UID): Work((Variant(width=720),), "outputs/bench", 3, images).to_json().encode(),
        layout.offsets(UID): offsets_json(cut([len(line) for line in lines], 1)).encode(),
        layout.manifest(UID): b"".join(lines),
    }
    objects = S3Objects(settings(server))

    async def put() -> None:
        await objects.delete_prefix("outputs/")
        await objects.delete([layout.results(UID, 0)])
        for key, data in files.items():
            await objects.put(key, data, content_type="application/octet-stream")

    asyncio.run(put())


def settings(server: servers.Server) -> S3Settings:
    """Return how the bench itself reaches S3."""
    url = server.url("s3")
    return S3Settings(url, url, BUCKET, "us-east-1", servers.ACCESS_KEY_ID, servers.SECRET_ACCESS_KEY, True, True)


def environment(server: servers.Server) -> dict[str, str]:
    """Return what a pod is told; there is no Redis, which costs a report that nobody hears."""
    return {
        "PATH": os.environ["PATH"], "S3_ENDPOINT": server.url("s3"), "S3_BUCKET": BUCKET, "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_ACCESS_KEY, "REDIS_URL": "redis://127.0.0.1:1/0", "IMAGEJOB_NAME": "bench",
        "IMAGEJOB_UID": UID, "IMAGEJOB_ATTEMPT": "1", "JOB_COMPLETION_INDEX": "0",
    }  # fmt: skip


if __name__ == "__main__":
    main()
