"""One machine for `make chaos`: `imagejobs local` with everything around it that can be made to fail."""

import contextlib
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import boto3
import redis
from obstore.store import S3Store

from imagejobs.local import handoff_folder
from support.chaos.plan import Place, Target
from support.servers import data_servers, local_stack
from support.servers.local_stack import LocalStack, photo
from support.servers.tcp_line import TcpLine, tcp_line

SOURCES = "chaos/"
"""Prefix of the images that jobs name by key."""
PHOTOS = 16
PHOTO_SIZE = (1600, 1200)
BROKEN = f"{SOURCES}broken.txt"
LEASE_SECONDS, RESYNC_SECONDS = 3, 5
"""Shorter than a user's 10 and 30, so that faults of some seconds outlast a lease and runs are short."""
DISK_MEGABYTES = 1536
CLOCK_SLOTS = 3
WORDS = {
    Target.API: "imagejobs_api",
    Target.OPERATOR: "imagejobs_operator",
    Target.WORKER: "imagejobs_worker",
    Target.REDIS: "valkey",
    Target.S3: "weed",
}
"""Words of the command lines of what the stack starts."""
PLAIN_BUCKET = "imagejobs"


@dataclass
class Machine:
    """A running machine.

    Attributes:
        lines: To Redis and S3, if the servers are behind lines.
        disk: A small file system of its own that holds the data; None without the right to mount one.
        clock: The seconds that are added to the clocks of API, operator and workers; None without a compiler.
    """

    place: Place
    stack: LocalStack
    lines: dict[Target, TcpLine]
    disk: Path | None
    clock: mmap.mmap | None
    photos: list[bytes]

    @property
    def redis_url(self) -> str:
        """The server's own address, without a line."""
        if line := self.lines.get(Target.REDIS):
            return f"redis://127.0.0.1:{line.server_port}/0"
        return self.stack.redis_url

    def redis(self) -> redis.Redis:
        """Open a client of Redis."""
        return redis.Redis.from_url(self.redis_url, decode_responses=True, socket_timeout=2)

    def bucket(self) -> S3Store:
        """Return the bucket."""
        if line := self.lines.get(Target.S3):
            return S3Store(
                PLAIN_BUCKET,
                endpoint=f"http://127.0.0.1:{line.server_port}",
                region="us-east-1",
                client_options={"allow_http": True},
                access_key_id=data_servers.ACCESS_KEY_ID,
                secret_access_key=data_servers.SECRET_ACCESS_KEY,
            )
        return local_stack.bucket(self.stack)

    def keys(self) -> set[str]:
        """Return all keys of the bucket."""
        return {each["path"] for page in self.bucket().list() for each in page}

    def set_clock(self, seconds: int, slots: range = range(CLOCK_SLOTS)) -> None:
        """Set the clocks of some programs ahead (or behind, if negative)."""
        assert self.clock
        for slot in slots:
            struct.pack_into("q", self.clock, 8 * slot, seconds)

    def processes(self, target: Target) -> list[int]:
        """Return the processes of a kind of program, in the order of their ids."""
        stack = self.stack.pid
        mine = {pid: local_stack.command_line(pid) for pid in local_stack.children(stack)}
        if word := WORDS.get(target):
            return sorted(pid for pid, line in mine.items() if word in line)
        shards = local_stack.children(self._only(Target.OPERATOR))
        if target is Target.SHARD:
            return sorted(shards)
        zygotes = [
            each
            for parent in (*self.processes(Target.WORKER), *shards)
            for each in local_stack.children(parent)
        ]
        if target is Target.ZYGOTE:
            return sorted(zygotes)
        return sorted(each for parent in zygotes for each in local_stack.children(parent))

    def _only(self, target: Target) -> int:
        return next(iter(self.processes(target)), 0) or -1

    def strays(self) -> list[str]:
        """Return the processes that work in the data directory and belong to no program, for people."""
        known = {self.stack.pid, *local_stack.descendants(self.stack.pid)}
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                folder = (each / "cwd").readlink()
                if folder.is_relative_to(self.stack.data) and int(each.name) not in known:
                    found.append(f"{each.name}: {local_stack.command_line(int(each.name))}")
        return found


@contextlib.contextmanager
def machine(place: Place) -> Iterator[Machine]:
    """Start a machine and leave nothing of it behind."""
    with ExitStack() as after:
        folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="imagejobs-chaos-")))
        disk = _mount(folder / "disk", after)
        data = (disk or folder) / "data"
        clock, environ = _make_clock(folder)
        environ |= {
            "SOURCE_PREFIXES": SOURCES,
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RESYNC_SECONDS": str(RESYNC_SECONDS),
        }
        lines: dict[Target, TcpLine] = {}
        if place is Place.BEYOND:
            lines = _start_servers(folder, after)
            environ |= {
                "REDIS_URL": f"redis://127.0.0.1:{lines[Target.REDIS].port}/0",
                "S3_ENDPOINT": f"http://127.0.0.1:{lines[Target.S3].port}",
                "AWS_ACCESS_KEY_ID": data_servers.ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": data_servers.SECRET_ACCESS_KEY,
            }
        stack = LocalStack(data, "--workers", "2", environ=environ)
        stack.output = folder / "terminal"
        after.callback(_end, stack)
        stack.start()
        photos = [photo(*PHOTO_SIZE, seed=number) for number in range(PHOTOS)]
        made = Machine(place, stack, lines, disk, clock, photos)
        _store_sources(made)
        yield made


def _end(stack: LocalStack) -> None:
    with contextlib.suppress(ProcessLookupError):
        stack.kill()
    handoff_folder.remove(handoff_folder.folder(stack.data))


def _mount(path: Path, after: ExitStack) -> Path | None:
    """Mount a small disk in memory, if that is allowed."""
    path.mkdir()
    options = f"size={DISK_MEGABYTES}m,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if (
        os.geteuid()
        or not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        return None
    after.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)
    return path


def _make_clock(folder: Path) -> tuple[mmap.mmap | None, dict[str, str]]:
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


def _start_servers(folder: Path, after: ExitStack) -> dict[Target, TcpLine]:
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


def _store_sources(machine: Machine) -> None:
    bucket = machine.bucket()
    for number, data in enumerate(machine.photos):
        bucket.put(f"{SOURCES}{number}.jpg", data)
    bucket.put(BROKEN, b"no image")
