"""Jobs on one machine: each shard is a process of the worker program, a few at once.

Implements `parts.Jobs` as Kubernetes does, in small.

Nothing is remembered: after a restart no Job is there, the plan creates it again, and shards that are done
end at once by what lies in S3.
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
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime.backoff import delay_seconds
from imagejobs_contract.runtime.die_with_parent import die_with_parent
from imagejobs_contract.wire import shards
from imagejobs_contract.wire.origin import Origin, environment, log_facts
from imagejobs_contract.wire.shards import Exit
from imagejobs_operator.decide.observed import Child, End, Presence

TRIES_PER_SHARD = 5
"""As in the cluster: what a process had checkpointed is not done again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 10.0
"""Before a shard is tried again."""
GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, where the variable GRACE_SECONDS of the workers is 2."""
KEPT_ENDS = 100
"""Jobs that ended and are still told of. The plan reads results from S3, also of those that are not."""

Tell = Callable[[JobKey], None]
Place = tuple[str, int]
"""uid of an ImageJob, attempt."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Run:
    """One attempt of a job.

    Attributes:
        lanes: Tasks that each run one shard after another; lane n works while `parallelism` is larger than n.
        settled: How many shards are done or given up.
        failed: Of these, how many are given up.
        halted: Ends the pauses between tries.
    """

    job: ImageJob
    attempt: int
    total: int
    todo: deque[int]
    parallelism: int
    created: datetime
    suspended: bool = False
    deleting_since: datetime | None = None
    reason: str = ""
    ended: End | None = None
    tries: Counter[int] = field(default_factory=Counter)
    settled: int = 0
    failed: int = 0
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    active: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    lanes: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        return self.suspended or self.deleting_since is not None or bool(self.reason)


class ProcessJobs:
    """Runs Jobs as processes.

    Args:
        command: The worker program, as it does one shard.
        environ: Its variables, but for those that say which shard.
        most: Processes of all Jobs at once.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], most: int, clock: Clock) -> None:
        self._command = tuple(command)
        self._environ = dict(environ)
        self._most = most
        self._clock = clock
        self._places = asyncio.Semaphore(most)
        self._runs: dict[Place, _Run] = {}
        self._tell: Tell = lambda key: None

    def tell(self, tell: Tell) -> None:
        """Say who is told of each job of which something ended."""
        self._tell = tell

    async def look(self, job: ImageJob, attempt: int) -> Child:
        """Return the facts of an attempt's Job."""
        run = self._runs.get((job.uid, attempt))
        if run is None:
            return Child()
        if run.todo and not run.ended:
            self._start_lanes(run)
        return Child(
            presence=Presence.OURS, suspended=run.suspended, parallelism=run.parallelism, active=len(run.active), ready=len(run.active),
            created=run.created, deleting_since=run.deleting_since, ended=run.ended, reason=run.reason or ("FailedIndexes" if run.failed else ""),
        )  # fmt: skip

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Begin an attempt, unless it is there."""
        if (job.uid, attempt) in self._runs:
            return
        self._forget_some()
        parallelism = min(job.spec.parallelism, shards)
        self._runs[job.uid, attempt] = run = _Run(
            job, attempt, shards, deque(range(shards)), parallelism, self._clock()
        )
        self._start_lanes(run)

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Stop the processes, or go on."""
        if run := self._runs.get((job.uid, attempt)):
            run.suspended = suspend
            await self._halt(run) if suspend else self._start_lanes(run)

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change how many shards run at once; those that run are not stopped."""
        if run := self._runs.get((job.uid, attempt)):
            run.parallelism = parallelism
            self._start_lanes(run)

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Stop the processes and forget the attempt."""
        await self._end((job.uid, attempt))

    async def abandon(self, uid: Uid) -> None:
        """Stop the processes of an ImageJob that is gone, in all attempts."""
        for place in [each for each in self._runs if each[0] == uid]:
            await self._end(place)

    async def close(self) -> None:
        """Stop all processes."""
        for run in self._runs.values():
            run.suspended = True
        await asyncio.gather(*(self._halt(run) for run in self._runs.values()))

    async def _end(self, place: Place) -> None:
        if run := self._runs.get(place):
            run.deleting_since = run.deleting_since or self._clock()
            await self._halt(run)
            self._runs.pop(place, None)

    def _start_lanes(self, run: _Run) -> None:
        if run.stopped:
            return
        run.halted.clear()
        for lane in range(min(run.parallelism, self._most)):
            if lane not in run.lanes or run.lanes[lane].done():
                run.lanes[lane] = asyncio.create_task(self._work(run, lane))

    async def _work(self, run: _Run, lane: int) -> None:
        while run.todo and lane < run.parallelism and not run.stopped:
            async with self._places:
                if not run.todo or run.stopped:
                    break
                shard = run.todo.popleft()
                code = await self._process(run, shard)
            await self._note(run, shard, code)
            if run.settled == run.total:
                run.ended = End.FAILED if run.failed else End.COMPLETE
            self._tell(run.job.key)

    async def _process(self, run: _Run, shard: int) -> int:
        """Return how a shard's process ended; one that could not be started, for want of memory or processes, counts as a try."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env={**self._environ, **_variables(run.job, run.attempt, shard)}, stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )  # fmt: skip
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
            run.settled += 1
        elif run.stopped:
            run.todo.appendleft(shard)
        elif code == Exit.MISCONFIGURED:
            run.reason, run.ended = "PodFailurePolicy", End.FAILED
            await self._halt(run)
        elif code == Exit.POISON or run.tries[shard] >= TRIES_PER_SHARD:
            run.settled, run.failed = run.settled + 1, run.failed + 1
            log.error("a shard is given up", extra=log_facts(run.job) | {"shard": shard, "exit": code})
        else:
            run.tries[shard] += 1
            with suppress(TimeoutError):
                pause = delay_seconds(run.tries[shard], FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                await asyncio.wait_for(run.halted.wait(), pause)
            run.todo.append(shard)

    async def _halt(self, run: _Run) -> None:
        """Stop the processes of a run. Its lanes see that by themselves."""
        run.halted.set()
        processes = list(run.active.values())
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await asyncio.gather(*(process.wait() for process in processes))
        except TimeoutError:
            for process in processes:
                with suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*(process.wait() for process in processes))

    def _forget_some(self) -> None:
        ended = [place for place, run in self._runs.items() if run.ended]
        for place in ended[: max(0, len(ended) - KEPT_ENDS)]:
            del self._runs[place]


def _variables(job: ImageJob, attempt: int, shard: int) -> dict[str, str]:
    which = {
        shards.ENV_NAME: job.key.name, shards.ENV_NAMESPACE: job.key.namespace, shards.ENV_UID: job.uid, shards.ENV_ATTEMPT: str(attempt),
        shards.ENV_INDEX: str(shard),
    }  # fmt: skip
    return which | environment(job, Origin.of(job))
