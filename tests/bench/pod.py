"""Measures the cost of images in a pod of a Job, from exec to exit, against a real S3: `make bench-pod`.

The pod is `python -m imagejobs_worker shard` with one image, T1, in its slice, or with `--images` of them:
it reads its inputs, starts the child, gets the image, makes it 720 pixels wide, puts it and its outcome,
reports to Redis, and ends. Processor time is that of all its processes, and of each kind alone. With many
images `busy` is the number of cores that the pod kept busy with pictures, S3 not counted.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import boto3

import watching
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.result_lines import read_lines
from imagejobs_contract.wire.shards import Work, cut, offsets_json
from support.servers import data_servers, local_stack
from tap import Tap

UID = "bench-pod"
BUCKET = "bench"
SOURCE = "photos/t1.jpg"


@dataclass(frozen=True, slots=True)
class Run:
    """One pod; times in milliseconds, from exec where they are moments.

    Attributes:
        asked: The first image is requested from S3.
        ready: Its inputs are read, and the worker is loaded.
        born: Its first child exists.
        ended: It has exited.
        cpu: Processor time of all its processes.
        parent: Of the pod's own process.
        zygote: Of the clean process that the child comes from, start and warm-up.
        child: Of the children alone: decoding, resizing, encoding.
        start_mb: Memory of the pod's own process when it is ready.
        held_mb: Memory of all its processes when the child is forked.
        peak_mb: Largest memory of all its processes together.
        idle: Cores of the machine that no program used meanwhile.
    """

    asked: float
    ready: float
    born: float
    ended: float
    cpu: float
    parent: float
    zygote: float
    child: float
    start_mb: float
    held_mb: float
    peak_mb: float
    idle: float

    @property
    def busy(self) -> float:
        """Return the number of cores that were busy with pictures, from the first image on."""
        return self.child / (self.ended - self.ready)


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument(
        "--command", default=f"{sys.executable} -m imagejobs_worker", help="Starts the worker."
    )
    given = parser.parse_args()
    photo = given.photo.read_bytes() if given.photo else local_stack.photo(2725, 2225)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (s3, redis):
        make_bucket(s3)
        runs = [run(s3, redis, photo, Path(folder), given) for _ in range(given.rounds + 1)][1:]
    names = (
        "asked",
        "ready",
        "born",
        "ended",
        "cpu",
        "parent",
        "zygote",
        "child",
        "start_mb",
        "held_mb",
        "peak_mb",
        "busy",
        "idle",
    )
    sys.stdout.write(
        "  ".join(f"{name} {median(getattr(each, name) for each in runs):.2f}" for name in names) + "\n"
    )
    least = {
        name: min(getattr(each, name) for each in runs) for name in ("asked", "ready", "born", "ended", "cpu")
    }
    sys.stdout.write(
        f"least of {len(runs)}: {'  '.join(f'{name} {value:.0f}' for name, value in least.items())}\n"
    )


@contextmanager
def served(folder: Path) -> Iterator[tuple[data_servers.Server, data_servers.Server]]:
    """Run an S3 and a Redis for the length of the block."""
    weed, valkey = data_servers.find_weed(), data_servers.find_valkey()
    if weed is None or valkey is None:
        raise SystemExit("SeaweedFS or Valkey is missing")
    with ExitStack() as stack:
        s3 = data_servers.start_seaweed(folder, weed)
        stack.callback(s3.stop)
        redis = data_servers.start_valkey(folder, valkey)
        stack.callback(redis.stop)
        yield s3, redis


def run(
    s3: data_servers.Server, redis: data_servers.Server, photo: bytes, folder: Path, given: argparse.Namespace
) -> Run:
    """Lay out one job, run its only pod, and return its costs."""
    lay_out(s3, photo, given.images)
    log = folder / "log"
    with log.open("wb") as out:
        began, clock, before = time.perf_counter(), time.time(), watching.idle_seconds()
        tap = Tap(s3.ports["s3"], f"GET /{BUCKET}/{SOURCE}".encode())
        environ = environment(s3, redis) | {
            "MAX_PARALLEL": str(given.parallel),
            "S3_ENDPOINT": f"http://127.0.0.1:{tap.port}",
        }
        process = subprocess.Popen([*given.command.split(), "shard"], env=environ, stdout=out, stderr=out)
        seen = watching.watch(process.pid, log, began)
        ended, unused = time.perf_counter() - began, watching.idle_seconds() - before
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        tap.close()
    if process.returncode:
        raise SystemExit(log.read_text())
    if len([each for each in results(s3) if each.succeeded]) != given.images:
        raise SystemExit(f"not all images have a result:\n{log.read_text()}")
    ready = next(
        datetime.fromisoformat(line["time"]).timestamp()
        for line in watching.events(log)
        if line["event"] == "ready"
    )
    # wait4 includes the zygote, for which the pod waits, but not the children, for which no process waits.
    family = 1000 * (used.ru_utime + used.ru_stime)
    times = (
        1000 * (tap.seen - clock),
        1000 * (ready - clock),
        seen.born,
        1000 * ended,
        family + seen.children,
        family - seen.zygotes,
        seen.zygotes,
        seen.children,
    )
    return Run(*times, seen.start, seen.held, seen.peak, unused / ended)


def make_bucket(server: data_servers.Server) -> None:
    """Make the bucket; in a cluster the administrator does."""
    boto3.client(
        "s3", endpoint_url=server.url("s3"), region_name="us-east-1",
        aws_access_key_id=data_servers.ACCESS_KEY_ID, aws_secret_access_key=data_servers.SECRET_ACCESS_KEY,
    ).create_bucket(Bucket=BUCKET)  # fmt: skip


def lay_out(server: data_servers.Server, photo: bytes, images: int) -> None:
    """Put image and inputs into S3 as api and operator do, and delete the results of an earlier pod."""
    lines = [json.dumps({"name": f"{n}.jpg", "key": SOURCE}).encode() + b"\n" for n in range(images)]
    files = {
        SOURCE: photo,
        s3_keys.spec(UID): Work((Variant(width=720),), "outputs/bench", 3, images).to_json().encode(),
        s3_keys.offsets(UID): offsets_json(cut([len(line) for line in lines], 1)).encode(),
        s3_keys.manifest(UID): b"".join(lines),
    }
    objects = S3Objects(settings(server))

    async def put() -> None:
        await objects.delete_prefix("outputs/")
        await objects.delete([s3_keys.results(UID, 0)])
        for key, data in files.items():
            await objects.put(key, data, content_type="application/octet-stream")

    asyncio.run(put())


def results(server: data_servers.Server) -> list[Outcome]:
    """Return the outcomes of the images."""
    data, _ = asyncio.run(S3Objects(settings(server)).get(s3_keys.results(UID, 0), 64 * 2**20))
    return list(read_lines(data).values())


def settings(server: data_servers.Server) -> S3Settings:
    """Return the settings with which the bench itself reaches S3."""
    url = server.url("s3")
    return S3Settings(
        url, url, BUCKET, "us-east-1", data_servers.ACCESS_KEY_ID, data_servers.SECRET_ACCESS_KEY, True, True
    )


def environment(server: data_servers.Server, redis: data_servers.Server) -> dict[str, str]:
    """Return the environment of a pod."""
    return {
        "PATH": os.environ["PATH"],
        "S3_ENDPOINT": server.url("s3"),
        "S3_BUCKET": BUCKET,
        "AWS_ACCESS_KEY_ID": data_servers.ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": data_servers.SECRET_ACCESS_KEY,
        "REDIS_URL": redis.url("redis", "redis"),
        "IMAGEJOB_NAME": "bench",
        "IMAGEJOB_UID": UID,
        "IMAGEJOB_ATTEMPT": "1",
        "JOB_COMPLETION_INDEX": "0",
    }


if __name__ == "__main__":
    main()
