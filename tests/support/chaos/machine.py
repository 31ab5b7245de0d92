"""Where `make chaos` runs: what is common to one machine and to a cluster."""

import mmap
import shutil
import struct
import subprocess
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import httpx2
import redis
from obstore.store import S3Store

from support.chaos.plan import Place, Target
from support.servers import data_servers, local_stack
from support.servers.local_stack import photo
from support.servers.tcp_line import TcpLine, tcp_line

SOURCES = "chaos/"
"""Prefix of the images that jobs name by key."""
PHOTOS = 16
PHOTO_SIZE = (1600, 1200)
BROKEN = f"{SOURCES}broken.txt"
LEASE_SECONDS, RESYNC_SECONDS = 3, 5
"""Shorter than a user's 10 and 30, so that faults of some seconds outlast a lease and runs are short."""
CLOCK_SLOTS = 3
PLAIN_BUCKET = "imagejobs"


@dataclass
class Machine(ABC):
    """A running machine.

    Attributes:
        lines: To servers that are behind lines.
        disk: A small file system of its own that holds the data; None without the right to mount one.
        clock: The seconds that are added to the clocks of API, operator and workers; None without a compiler.
        used_jobs: Jobs that have ended since the machine was started; also of runs before.
        used_images: Their images.
    """

    place: Place
    lines: dict[Target, TcpLine]
    disk: Path | None
    clock: mmap.mmap | None
    photos: list[bytes]
    used_jobs: int = field(default=0, kw_only=True)
    used_images: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """The API's address."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The folder of its data, with `logs` in it."""

    @abstractmethod
    def programs(self, target: Target) -> list[int]:
        """Return the processes of what keeps running, in the order of their ids."""

    @abstractmethod
    def shards(self) -> list[int]:
        """Return the processes of shards."""

    @abstractmethod
    def strays(self) -> list[str]:
        """Return what runs although nobody owns it, for people."""

    @abstractmethod
    def kill_everything(self) -> None:
        """Kill everything at once, and start it again."""

    @abstractmethod
    def kill(self, pid: int) -> None:
        """Kill a process, of which something starts another."""

    def is_ready(self) -> bool:
        """Return whether the API can take jobs now."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except (httpx2.HTTPError, OSError):
            return False

    @property
    def redis_url(self) -> str:
        """The address of Redis itself, without a line."""
        return f"redis://127.0.0.1:{self.lines[Target.REDIS].server_port}/0"

    def redis(self) -> redis.Redis:
        """Open a client of Redis."""
        return redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=2)

    def bucket(self) -> S3Store:
        """Return the bucket, without a line."""
        return S3Store(
            PLAIN_BUCKET,
            endpoint=f"http://127.0.0.1:{self.lines[Target.S3].server_port}",
            region="us-east-1",
            client_options={"allow_http": True},
            access_key_id=data_servers.ACCESS_KEY_ID,
            secret_access_key=data_servers.SECRET_ACCESS_KEY,
        )

    def keys(self) -> set[str]:
        """Return all keys of the bucket."""
        return {each["path"] for page in self.bucket().list() for each in page}

    def set_clock(self, seconds: int, slots: range = range(CLOCK_SLOTS)) -> None:
        """Set the clocks of some programs ahead (or behind, if negative)."""
        assert self.clock
        for slot in slots:
            struct.pack_into("q", self.clock, 8 * slot, seconds)

    def processes(self, target: Target) -> list[int]:
        """Return the processes of a kind, in the order of their ids."""
        if target is Target.SHARD:
            return sorted(self.shards())
        if target not in (Target.ZYGOTE, Target.CHILD):
            return self.programs(target)
        parents = [*self.programs(Target.WORKER), *self.shards()]
        zygotes = [each for parent in parents for each in local_stack.children(parent)]
        if target is Target.ZYGOTE:
            return sorted(zygotes)
        return sorted(each for parent in zygotes for each in local_stack.children(parent))


def make_photos() -> list[bytes]:
    """Return the images of all jobs. Made before anything is sent: it takes longer than the work on them."""
    return [photo(*PHOTO_SIZE, seed=number) for number in range(PHOTOS)]


def make_clock(folder: Path) -> tuple[mmap.mmap | None, dict[str, str]]:
    """Compile the clock that can be set, if there is a compiler; return it and the variables that use it."""
    library, file = folder / "jumping_clock.so", folder / "clock"
    source = Path(__file__).with_name("jumping_clock.c")
    if not shutil.which("cc"):
        return None, {}
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    file.write_bytes(bytes(mmap.PAGESIZE))
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), mmap.PAGESIZE), {
            "LD_PRELOAD": str(library),
            "JUMPING_CLOCK": str(file),
        }


def start_servers(folder: Path, after: ExitStack) -> dict[Target, TcpLine]:
    """Start Valkey and SeaweedFS on the large disk, and a line to each."""
    places = {target: folder / target for target in (Target.REDIS, Target.S3)}
    for each in places.values():
        each.mkdir()
    valkey, weed = data_servers.find_valkey(), data_servers.find_weed()
    assert valkey
    assert weed
    redis_server = data_servers.start_valkey(places[Target.REDIS], valkey)
    after.callback(redis_server.stop)
    s3_server = data_servers.start_seaweed(places[Target.S3], weed)
    after.callback(s3_server.stop)
    ports = {Target.REDIS: redis_server.ports["redis"], Target.S3: s3_server.ports["s3"]}
    boto3.client(
        "s3",
        endpoint_url=s3_server.url("s3"),
        region_name="us-east-1",
        aws_access_key_id=data_servers.ACCESS_KEY_ID,
        aws_secret_access_key=data_servers.SECRET_ACCESS_KEY,
    ).create_bucket(Bucket=PLAIN_BUCKET)
    return {target: after.enter_context(tcp_line(port)) for target, port in ports.items()}


def store_sources(machine: Machine) -> None:
    """Store the images that jobs name by key."""
    bucket = machine.bucket()
    for number, data in enumerate(machine.photos):
        bucket.put(f"{SOURCES}{number}.jpg", data)
    bucket.put(BROKEN, b"no image")
