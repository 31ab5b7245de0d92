"""The whole of local mode: chooses ports, starts all programs at once, shows the facts when they are ready, ends them in order."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from imagejobs.local import handoff_folder, jobs, output, programs
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.environment import Addresses, program_environment
from imagejobs.local.options import Wishes
from imagejobs.local.ports import Ports
from imagejobs.local.program import Program
from imagejobs.local.services import seaweed, seaweed_index, valkey
from imagejobs.local.services.seaweed import SeaweedPorts
from imagejobs.local.supervisor import Keeper, stop_in_order

API_PORT = 8080
SAMPLE = Path(__file__).with_name("sample.jpg")
"""A picture of our own, so that the calls on the screen work when pasted."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run, decided before anything starts.

    Attributes:
        lanes: How many images each worker renders at once.
        groups: The programs in the order in which they end; the programs of one group end together.
        seaweed: Ports of the SeaweedFS that we start, if we do.
        handoff: The folder in memory that our programs are told of.
    """

    data: DataDirectory
    addresses: Addresses
    groups: tuple[tuple[Program, ...], ...]
    seaweed: SeaweedPorts | None
    handoff: Path | None
    bucket: str
    moved: tuple[tuple[str, int, int], ...]
    lanes: tuple[int, ...]


def run(wishes: Wishes, say: Say, show: Say) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        say: Takes single lines while it runs.
        show: Takes the screen of facts.

    Raises:
        CannotRun: It cannot start.
    """
    programs.check_installed()
    data = DataDirectory(wishes.data)
    data.prepare()
    with data.lock() as lock:
        plan = make_plan(wishes, data)
        unfinished = jobs.count_unfinished(data.jobs)
        with handoff_folder.held(plan.handoff), _seaweed_folder(plan, say):
            asyncio.run(_run(plan, unfinished, lock, say, show))
        say(output.farewell(data.path, jobs.count_unfinished(data.jobs)))


def make_plan(wishes: Wishes, data: DataDirectory) -> Plan:
    """Choose ports and return the programs to run; starts nothing.

    Raises:
        CannotRun: A named port is taken, or a server's program is missing.
    """
    outer, inner = Ports(wishes.host), Ports("127.0.0.1")
    port = outer.named("the API", wishes.port) if wishes.port else outer.default("the API", API_PORT)
    inner.reserve(port)
    services: list[Program] = []
    redis, s3, credentials, seaweed_ports = wishes.redis_url, wishes.s3_endpoint, None, None
    if not redis:
        redis_port = inner.default("Redis", valkey.PORT)
        redis = valkey.url(redis_port)
        services.append(valkey.program(data, redis_port))
    if not s3:
        seaweed_ports, credentials = SeaweedPorts.choose(inner), data.credentials()
        s3 = f"http://127.0.0.1:{seaweed_ports.s3}"
        services.append(seaweed.program(data, seaweed_ports, credentials, wishes.environ))
    addresses = Addresses(wishes.host, port, redis, s3)
    # The person may name another place, or none by an empty variable.
    memory = None if "HANDOFF_DIR" in wishes.environ else handoff_folder.folder(data.path)
    environ = program_environment(wishes.environ, addresses, data.jobs, credentials, memory)
    workers = tuple(programs.worker(data, environ, n, lanes) for n, lanes in enumerate(wishes.lanes, 1))
    groups = (
        (programs.api(data, environ, addresses.reach, port),),
        (programs.operator(data, environ, sum(wishes.lanes)),),
        workers,
        tuple(services),
    )
    return Plan(
        data,
        addresses,
        groups,
        seaweed_ports,
        memory,
        environ["S3_BUCKET"],
        (*outer.moved, *inner.moved),
        wishes.lanes,
    )


@contextlib.contextmanager
def _seaweed_folder(plan: Plan, say: Say) -> Iterator[None]:
    if plan.seaweed is None:
        yield
        return
    folder, boot = plan.data.seaweed, seaweed_index.boot_id()
    if seaweed_index.was_cut(folder, boot):
        say("the machine went down while this ran; the index of the images is rebuilt first.")
        seaweed_index.rebuild(folder, seaweed.find())
    seaweed_index.begin(folder, boot)
    yield
    seaweed_index.finish(folder)


async def _run(plan: Plan, unfinished: int, lock: int, say: Say, show: Say) -> None:
    began, stopped = monotonic(), _stop_signal()
    groups = [[Keeper(program, say, (lock,)) for program in group] for group in plan.groups]
    keepers = [keeper for group in groups for keeper in group]
    tasks = [asyncio.create_task(keeper.run(), name=keeper.program.name) for keeper in keepers]
    started = asyncio.create_task(_all_ready(plan, keepers))
    end = asyncio.create_task(stopped.wait())
    try:
        await _first(started, end, tasks)
        if not stopped.is_set():
            plan.data.endpoint.write_text(plan.addresses.url + "\n")
            show(output.facts(_facts(plan, monotonic() - began, unfinished)))
            await _first(end, end, tasks)
        say("stopping.")
    finally:
        plan.data.endpoint.unlink(missing_ok=True)
        await _cancel([*tasks, started, end])
        await stop_in_order(groups)


async def _all_ready(plan: Plan, keepers: Sequence[Keeper]) -> None:
    if plan.seaweed is not None:
        # Not before it has its ports: what listens there may be the SeaweedFS of somebody who was faster.
        await next(keeper for keeper in keepers if keeper.program.name == seaweed.NAME).ready.wait()
        await seaweed.set_up(plan.seaweed, plan.bucket)
    for keeper in keepers:
        await keeper.ready.wait()


async def _first(
    wanted: "asyncio.Task[object]", end: "asyncio.Task[object]", tasks: "Sequence[asyncio.Task[None]]"
) -> None:
    # The tasks of the keepers end only with an error; awaiting them raises it here.
    done, _ = await asyncio.wait({wanted, end, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        await each


async def _cancel(tasks: "Sequence[asyncio.Task[object]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stop_signal() -> asyncio.Event:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        stopped.set()
        # The next signal ends this process at once, and the kernel its children.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


def _facts(plan: Plan, seconds: float, unfinished: int) -> output.Facts:
    return output.Facts(
        version=version("imagejobs"),
        seconds=seconds,
        url=plan.addresses.url,
        s3=plan.addresses.s3_endpoint,
        redis=plan.addresses.redis_url,
        workers=len(plan.lanes),
        lanes=sum(plan.lanes),
        data=plan.data.path,
        data_bytes=plan.data.size_bytes(),
        logs=plan.data.logs,
        unfinished=unfinished,
        moved=plan.moved,
        sample=SAMPLE,
    )
