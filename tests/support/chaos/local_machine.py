"""One machine for `make chaos`: `imagejobs local` with everything around it that can be made to fail."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from obstore.store import S3Store

from imagejobs.local import handoff_folder
from support.chaos.machine import (
    LEASE_SECONDS,
    RESYNC_SECONDS,
    SOURCES,
    Machine,
    make_clock,
    make_photos,
    start_servers,
    store_sources,
)
from support.chaos.plan import Place, Target
from support.servers import data_servers, local_stack
from support.servers.local_stack import EndedEarly, LocalStack
from support.servers.tcp_line import TcpLine

DISK_MEGABYTES = 1536
NOTED_CHARACTERS = 1500
"""Of the end of each log, when the machine does not start."""
WORDS = {
    Target.API: "imagejobs_api",
    Target.OPERATOR: "imagejobs_operator",
    Target.WORKER: "imagejobs_worker",
    Target.REDIS: "valkey",
    Target.S3: "weed",
}
"""Words of the command lines of what the stack starts."""


@dataclass
class LocalMachine(Machine):
    """A running `imagejobs local`."""

    stack: LocalStack

    @property
    def url(self) -> str:
        """The API's address."""
        return self.stack.url

    @property
    def folder(self) -> Path:
        """The folder of its data."""
        return self.stack.data

    @property
    def redis_url(self) -> str:
        """The address of Redis itself, without a line."""
        return super().redis_url if self.lines else self.stack.redis_url

    def bucket(self) -> S3Store:
        """Return the bucket, without a line."""
        return super().bucket() if self.lines else local_stack.bucket(self.stack)

    def programs(self, target: Target) -> list[int]:
        """Return the processes of what the supervisor keeps running."""
        found = local_stack.children(self.stack.pid)
        return sorted(pid for pid in found if WORDS[target] in local_stack.command_line(pid))

    def shards(self) -> list[int]:
        """Return the processes of shards, which the operator starts."""
        return [each for parent in self.programs(Target.OPERATOR) for each in local_stack.children(parent)]

    def strays(self) -> list[str]:
        """Return the processes that work in the data directory and belong to no program, for people."""
        known = {self.stack.pid, *local_stack.descendants(self.stack.pid)}
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                folder = (each / "cwd").readlink()
                if folder.is_relative_to(self.stack.data) and int(each.name) not in known:
                    found.append(f"process {each.name}: {local_stack.command_line(int(each.name))}")
        return found

    def kill_everything(self) -> None:
        """Kill all processes and start again."""
        self.stack.kill()
        self.stack.start()

    def kill(self, pid: int) -> None:
        """Kill a process; the supervisor, or its own parent, starts another."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def local_machine(place: Place) -> Iterator[LocalMachine]:
    """Start a machine and leave nothing of it behind."""
    with ExitStack() as after:
        folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="imagejobs-chaos-")))
        disk = _mount(folder / "disk", after)
        data = (disk or folder) / "data"
        clock, environ = make_clock(folder)
        environ |= {
            "SOURCE_PREFIXES": SOURCES,
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RESYNC_SECONDS": str(RESYNC_SECONDS),
        }
        lines: dict[Target, TcpLine] = {}
        if place is Place.BEYOND:
            lines = start_servers(folder, after)
            environ |= {
                "REDIS_URL": f"redis://127.0.0.1:{lines[Target.REDIS].port}/0",
                "S3_ENDPOINT": f"http://127.0.0.1:{lines[Target.S3].port}",
                "AWS_ACCESS_KEY_ID": data_servers.ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": data_servers.SECRET_ACCESS_KEY,
            }
        stack = LocalStack(data, "--workers", "2", environ=environ)
        stack.output = folder / "terminal"  # which no full disk ends
        after.callback(_end, stack)
        _start(stack)
        made = LocalMachine(place, lines, disk, clock, make_photos(), stack)
        store_sources(made)
        yield made


def _start(stack: LocalStack) -> None:
    try:
        stack.start()
    except (TimeoutError, EndedEarly) as ex:
        for log in sorted((stack.data / "logs").glob("*.log")):
            ex.add_note(f"{log.name}:\n{log.read_text(errors='replace')[-NOTED_CHARACTERS:]}")
        raise


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
