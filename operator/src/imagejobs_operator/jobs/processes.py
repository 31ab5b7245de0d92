"""Runs Jobs on one machine: each shard is a process of the worker program, a few at once.

It reports the ends of its processes in the words of Kubernetes' Job controller (`PodFailurePolicy`,
`FailedIndexes`), so that the plan needs no second set of rules.

It stores nothing: after a restart no Job exists, the plan creates it again, and the processes of finished
shards end at once because their results are in S3.
"""

import asyncio
import logging
import os
import subprocess
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime.backoff import delay_seconds
from imagejobs_contract.runtime.die_with_parent import die_with_parent
from imagejobs_contract.wire import shards
from imagejobs_contract.wire.origin import Origin, environment, log_facts
from imagejobs_contract.wire.shards import Exit
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Presence

TRIES_PER_SHARD = 5
"""As in the cluster; images up to the last checkpoint of a process are not done again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 10.0
"""Pause before a shard is tried again: doubled with each try, up to the second number."""
STOP_SECONDS = 20.0
"""Time between SIGTERM and SIGKILL; the variable GRACE_SECONDS of the workers is 2 here. A killed process
loses the images since its last checkpoint, and on a busy machine it takes seconds to write one.
"""
CLOSE_SECONDS = 5.0
"""The same where this program ends: `imagejobs local` kills it after 6 s."""
MAX_ENDED_RUNS = 100
"""Ended Jobs that are kept. The plan of a forgotten one reads its results from S3."""

OnChange = Callable[[JobKey], None]
RunKey = tuple[str, int]
"""uid of an ImageJob, attempt."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """One attempt of a job.

    Attributes:
        pending: Shards that wait for a process.
        tries: Shard -> failed tries.
        finished: Number of shards that are done or given up.
        failed: Number of these that are given up.
        stopping: Set to end the pauses between tries.
        active: Shard -> its process.
        workers: Tasks that each run one shard after another; worker n runs while `parallelism` is larger than
            n.
        reason: Kubernetes' reason for the end of the whole Job, or "".
    """

    job: ImageJob
    attempt: int
    total: int
    pending: deque[int]
    parallelism: int
    created: datetime
    suspended: bool = False
    deleting_since: datetime | None = None
    reason: str = ""
    ended: ChildEnd | None = None
    tries: Counter[int] = field(default_factory=Counter)
    finished: int = 0
    failed: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    active: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    workers: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        return self.suspended or self.deleting_since is not None or bool(self.reason)


class ProcessJobs:
    """Implements `ports.ChildJobs` with processes of the worker program.

    The reconciler calls it; the listener of `on_change` requeues a job after each change of its processes.
    One ProcessJobs lives as long as the program; `close` stops its processes.

    Args:
        command: The worker program with the arguments to do one shard.
        environ: Its variables, without those that name the shard.
        max_processes: Maximum processes of all Jobs at once.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], max_processes: int, clock: Clock
    ) -> None:
        self._command = tuple(command)
        self._environ = dict(environ)
        self._max_processes = max_processes
        self._clock = clock
        self._slots = asyncio.Semaphore(max_processes)
        self._runs: dict[RunKey, _Run] = {}
        self._on_change: OnChange = lambda key: None

    def on_change(self, listener: OnChange) -> None:
        """Set the listener that is called with a job's key after each end of one of its processes.

        It is also called after a suspend, a resume and a deletion, as a watch of Jobs would report them: the
        plan goes on from there even if no process ended.
        """
        self._on_change = listener

    async def get(self, job: ImageJob, attempt: int) -> ChildJob:
        """Return facts about an attempt, in the words of Kubernetes."""
        run = self._runs.get((job.uid, attempt))
        if run is None:
            return ChildJob()
        if run.pending and not run.ended:
            self._start_workers(run)
        return _describe(run)

    async def find_all(self, job: ImageJob) -> dict[int, ChildJob]:
        """Return facts about all attempts of the ImageJob."""
        return {attempt: _describe(run) for (uid, attempt), run in self._runs.items() if uid == job.uid}

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Start an attempt, unless it exists."""
        if (job.uid, attempt) in self._runs:
            return
        self._forget_oldest()
        parallelism = min(job.spec.parallelism, shards)
        self._runs[job.uid, attempt] = run = _Run(
            job, attempt, shards, deque(range(shards)), parallelism, self._clock()
        )
        self._start_workers(run)

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Stop the processes, or start them again."""
        if run := self._runs.get((job.uid, attempt)):
            run.suspended = suspend
            await self._stop_processes(run) if suspend else self._start_workers(run)
            self._on_change(job.key)

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change the number of shards that run at once; running processes are not stopped."""
        if run := self._runs.get((job.uid, attempt)):
            run.parallelism = parallelism
            self._start_workers(run)

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Stop the processes and forget the attempt."""
        await self._delete_run((job.uid, attempt))

    async def stop_all(self, uid: str) -> None:
        """Stop the processes of a deleted ImageJob, in all attempts."""
        for key in [each for each in self._runs if each[0] == uid]:
            await self._delete_run(key)

    async def close(self) -> None:
        """Stop all processes."""
        for run in self._runs.values():
            run.suspended = True
        await asyncio.gather(*(self._stop_processes(run, CLOSE_SECONDS) for run in self._runs.values()))

    async def _delete_run(self, key: RunKey) -> None:
        if run := self._runs.get(key):
            run.deleting_since = run.deleting_since or self._clock()
            await self._stop_processes(run)
            self._runs.pop(key, None)
            self._on_change(run.job.key)

    def _start_workers(self, run: _Run) -> None:
        if run.stopped:
            return
        run.stopping.clear()
        for number in range(min(run.parallelism, self._max_processes)):
            if number not in run.workers or run.workers[number].done():
                run.workers[number] = asyncio.create_task(self._work(run, number))

    async def _work(self, run: _Run, number: int) -> None:
        while run.pending and number < run.parallelism and not run.stopped:
            async with self._slots:
                if not run.pending or run.stopped:
                    break
                shard = run.pending.popleft()
                code = await self._run_shard(run, shard)
            await self._note(run, shard, code)
            if run.finished == run.total:
                run.ended = ChildEnd.FAILED if run.failed else ChildEnd.COMPLETE
            self._on_change(run.job.key)

    async def _run_shard(self, run: _Run, shard: int) -> int:
        """Run the process of a shard and return its exit code.

        A process that cannot be started, because memory or processes are short, counts as a try.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**self._environ, **_make_variables(run.job, run.attempt, shard)},
                stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )
        except (OSError, subprocess.SubprocessError) as ex:
            log.error(
                "a shard cannot be started", extra=log_facts(run.job) | {"shard": shard, "reason": str(ex)}
            )
            return os.EX_OSERR
        run.active[shard] = process
        if run.stopped:  # while it was being started
            process.terminate()
        try:
            return await process.wait()
        finally:
            del run.active[shard]

    async def _note(self, run: _Run, shard: int, code: int) -> None:
        if code == Exit.DONE:
            run.finished += 1
        elif run.stopped:
            run.pending.appendleft(shard)
        elif code == Exit.MISCONFIGURED:
            run.reason, run.ended = "PodFailurePolicy", ChildEnd.FAILED
            await self._stop_processes(run)
        elif code == Exit.POISON or run.tries[shard] >= TRIES_PER_SHARD:
            run.finished, run.failed = run.finished + 1, run.failed + 1
            log.error("a shard is given up", extra=log_facts(run.job) | {"shard": shard, "exit": code})
        else:
            run.tries[shard] += 1
            with suppress(TimeoutError):
                pause = delay_seconds(run.tries[shard], FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                await asyncio.wait_for(run.stopping.wait(), pause)
            run.pending.append(shard)

    async def _stop_processes(self, run: _Run, seconds: float | None = None) -> None:
        """Stop the processes of a run, and kill those that still run after `seconds`.

        Its workers see that by themselves.
        """
        run.stopping.set()
        processes = list(run.active.values())
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS if seconds is None else seconds):
                await asyncio.gather(*(process.wait() for process in processes))
        except TimeoutError:
            log.warning("shards did not stop in time and are killed", extra=log_facts(run.job))
            for process in processes:
                with suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*(process.wait() for process in processes))

    def _forget_oldest(self) -> None:
        ended = [key for key, run in self._runs.items() if run.ended]
        for key in ended[: max(0, len(ended) - MAX_ENDED_RUNS)]:
            del self._runs[key]


def _describe(run: _Run) -> ChildJob:
    return ChildJob(
        presence=Presence.OURS,
        suspended=run.suspended,
        parallelism=run.parallelism,
        active=len(run.active),
        ready=len(run.active),
        created=run.created,
        deleting_since=run.deleting_since,
        ended=run.ended,
        reason=run.reason or ("FailedIndexes" if run.failed else ""),
    )


def _make_variables(job: ImageJob, attempt: int, shard: int) -> dict[str, str]:
    which = {
        shards.ENV_NAME: job.key.name,
        shards.ENV_NAMESPACE: job.key.namespace,
        shards.ENV_UID: job.uid,
        shards.ENV_ATTEMPT: str(attempt),
        **shards.retry_variables(job.spec.retry_codes),
        shards.ENV_INDEX: str(shard),
    }
    return which | environment(job, Origin.of(job))
