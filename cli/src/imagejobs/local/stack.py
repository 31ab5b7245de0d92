"""Runs local mode: opens the folders, starts all programs, prints the facts, stops the programs in order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from imagejobs.local import ephemeral, handoff_folder, jobs, output, preflight, programs
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import PortTaken
from imagejobs.local.options import LocalOptions
from imagejobs.local.plan import LocalPlan, make_plan
from imagejobs.local.ports import PortClaims
from imagejobs.local.services import seaweed, seaweed_index
from imagejobs.local.supervisor import ProcessKeeper, stop_in_order

SAMPLE = Path(__file__).with_name("sample.jpg")
"""A picture of our own, so that the printed calls work when pasted."""

TOUCH_SECONDS = 3.0
"""A start that takes longer, once the bucket is made, may wait for an S3 gateway that does not know of it."""
PORT_TRIES = 10
"""Choices of ports that may be lost, each in the second between choice and use, before that is an error."""

Say = Callable[[str], None]


def run(options: LocalOptions, say: Say, show: Say) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        say: Prints one line while it runs.
        show: Prints the text with the facts.

    Raises:
        CannotRun: It cannot start.
    """
    programs.check_installed()
    preflight.check(options)
    with (
        _files_closed_to_others(),
        ephemeral.data_folder() if options.ephemeral else contextlib.nullcontext(options.data) as path,
    ):
        data = DataDirectory(path)
        data.prepare()
        with data.lock() as lock:
            _run_on_free_ports(options, data, lock, say, show)
            ended = None if options.ephemeral else jobs.count_unfinished(data.jobs)
    say(output.format_gone() if ended is None else output.format_stop(path, ended))


@contextlib.contextmanager
def _files_closed_to_others() -> Iterator[None]:
    """Set the mask for new files, which all programs inherit: no other user may read or write them."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _run_on_free_ports(options: LocalOptions, data: DataDirectory, lock: int, say: Say, show: Say) -> None:
    """Run everything; choose all ports anew while another program takes one of them first."""
    for left in reversed(range(PORT_TRIES)):
        with PortClaims() as claims:
            plan = make_plan(options, data, claims)
            unfinished = jobs.count_unfinished(data.jobs)
            try:
                with handoff_folder.claim(plan.handoff), _seaweed_folder(plan, say):
                    asyncio.run(_run(plan, unfinished, lock, say, show))
                return
            except PortTaken as ex:
                if not left:
                    raise
                say(f"another program took the port of {str(ex).partition(' ')[0]}; all are chosen anew.")


@contextlib.contextmanager
def _seaweed_folder(plan: LocalPlan, say: Say) -> Iterator[None]:
    """Rebuild the index if the machine went down; mark the folder as in use for the length of the block."""
    if plan.seaweed is None:
        yield
        return
    folder, boot = plan.data.seaweed, seaweed_index.boot_id()
    if seaweed_index.was_interrupted(folder, boot):
        say("the machine went down while this ran; the index of the images is rebuilt first.")
        seaweed_index.rebuild(folder, seaweed.find())
    seaweed_index.begin(folder, boot)
    yield
    seaweed_index.finish(folder)


async def _run(plan: LocalPlan, unfinished: int, lock: int, say: Say, show: Say) -> None:
    began, stopped = monotonic(), _stop_signal()
    groups = [[ProcessKeeper(program, say, (lock,)) for program in group] for group in plan.groups]
    keepers = [keeper for group in groups for keeper in group]
    tasks = [asyncio.create_task(keeper.run(), name=keeper.program.name) for keeper in keepers]
    started = asyncio.create_task(_all_ready(plan, keepers))
    end = asyncio.create_task(stopped.wait())
    try:
        await _wait_for(started, end, tasks)
        if not stopped.is_set():
            plan.data.endpoint.write_text(plan.addresses.url + "\n")
            show(output.format_start(_facts(plan, monotonic() - began, unfinished)))
            await _wait_for(end, end, tasks)
        say("stopping.")
    finally:
        plan.data.endpoint.unlink(missing_ok=True)
        await _cancel([*tasks, started, end])
        await stop_in_order(groups)


async def _all_ready(plan: LocalPlan, keepers: Sequence[ProcessKeeper]) -> None:
    """Return when all programs are ready; each gives up by itself."""
    if plan.seaweed is not None:
        # Not before it has its ports: until then another SeaweedFS, which was faster, may listen there.
        await next(keeper for keeper in keepers if keeper.program.name == seaweed.NAME).ready.wait()
        await seaweed.set_up(plan.seaweed, plan.secrets, plan.bucket)
    for keeper in keepers:
        while not keeper.ready.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(keeper.ready.wait(), TOUCH_SECONDS)
                break
            if plan.seaweed is not None:
                await seaweed.touch_bucket(plan.seaweed, plan.secrets, plan.bucket)


async def _wait_for(
    wanted: "asyncio.Task[object]", end: "asyncio.Task[object]", tasks: "Sequence[asyncio.Task[None]]"
) -> None:
    """Wait for `wanted` or `end`; a keeper's task ends only with an error, which is raised here."""
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


def _facts(plan: LocalPlan, seconds: float, unfinished: int) -> output.Facts:
    return output.Facts(
        version=version("imagejobs"),
        seconds=seconds,
        url=plan.addresses.url,
        s3=output.hide_credentials(plan.addresses.s3_endpoint),
        redis=output.hide_credentials(plan.addresses.redis_url),
        workers=len(plan.images_at_once),
        images_at_once=sum(plan.images_at_once),
        data=plan.data.path,
        data_bytes=plan.data.size_bytes(),
        logs=plan.data.logs,
        unfinished=unfinished,
        moved=plan.moved,
        sample=SAMPLE,
        needs_key=plan.needs_key,
        ephemeral=plan.ephemeral,
    )
