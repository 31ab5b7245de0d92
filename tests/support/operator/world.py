"""A world for the operator: its ports in memory, a clock, and methods that play users, workers, pods."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Output, Spec
from imagejobs_contract.model.status import Status
from imagejobs_contract.ports import WakeUp
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import read_offsets
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.pod_ledger import PodLedger
from imagejobs_operator.act.ports import Namespaces, Ports
from imagejobs_operator.act.reconcile import Reconciler
from imagejobs_operator.act.work_queue import Result
from imagejobs_operator.callbacks.dispatcher import CallbackDispatcher
from imagejobs_operator.decide.deliveries import Response, ResponseKind
from imagejobs_operator.decide.plan_input import Policy
from support.operator.fakes import Board, Events, Faults, Jobs, Killed, Objects, Queue, Running, Store

OUTPUTS = "outputs/ns.job.uid-0-job"
"""Where the outputs of the first job of a world lie, if it is called `job`."""
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def spec(count: int = 1, **changes: Any) -> Spec:
    """Return a spec with `count` images."""
    return Spec(items=tuple(Item(f"photo-{n}.jpg", f"uploads/u/{n}") for n in range(count)), **changes)


def outcome(index: int, attempt: int = 1, code: Code | None = None, prefix: str = OUTPUTS) -> Outcome:
    """Return the outcome of an image."""
    outputs = (
        () if code else (OutputFile("default", f"{prefix}/photo-{index}.jpg", 10, 10, Format.JPEG, 100),)
    )
    return Outcome(
        index, f"photo-{index}.jpg", attempt, code, "it failed" if code else "", outputs, bytes_in=1000
    )


class World:
    """The ports, their clock, and the operator's core between them."""

    def __init__(self, **policy: Any) -> None:
        self.time = START
        self.lead = timedelta()
        self.elapsed_seconds = 0.0
        self.faults = Faults()
        self.store = Store(self.faults, self.calendar)
        self.board = Board(self.faults)
        self.queue = Queue(self.faults, self.board, lambda: self.elapsed_seconds)
        self.objects = Objects(self.faults)
        self.jobs = Jobs(self.faults, self.calendar)
        self.events = Events(self.faults)
        self.policy = Policy(since=START, **policy)
        self.requeues: dict[JobKey, Result] = {}
        self.sent: list[tuple[datetime, str]] = []
        self.response = Response(ResponseKind.DELIVERED)
        self.wake_ups_arrive = True
        self.max_owner_pods = 100
        self.namespaces: Namespaces | None = None
        self._loop = asyncio.new_event_loop()
        self.restart()

    def close(self) -> None:
        """End the loop."""
        self._loop.run_until_complete(self.dispatcher.close())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def now(self) -> datetime:
        """Return the world's time."""
        return self.time

    def calendar(self) -> datetime:
        """Return the time that is written down: of the store, and of whoever reads the operator's status."""
        return self.time + self.lead

    def set_calendar(self, seconds: float) -> None:
        """Let the calendar jump, forward or back; no time passes."""
        self.lead += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back."""
        self.time += timedelta(seconds=seconds)
        self.elapsed_seconds += max(0.0, seconds)

    def restart(self, *, sees_own_writes: bool = True) -> None:
        """Restart the operator; its memory is lost."""
        jobs = self.jobs if self.policy.jobs else None
        self.dispatcher, self.memory = CallbackDispatcher(self._post), Memory()
        self.dispatcher.on_result(self.memory.record_delivery)
        self.ports = Ports(
            self.store,  # type: ignore[arg-type]
            self.board,  # type: ignore[arg-type]
            self.queue,  # type: ignore[arg-type]
            self.objects,  # type: ignore[arg-type]
            jobs,
            self.events,
            self.dispatcher,
            self,
        )
        self.turns: list[JobKey] = []
        pods = PodLedger(self.max_owner_pods, self.policy.grants)
        pods.on_turn(self.turns.append)
        self.reconciler = Reconciler(
            self.ports,
            replace(self.policy, since=self.time),
            self.now,
            self.memory,
            pods=pods,
            calendar=self.calendar,
            sees_own_writes=sees_own_writes,
        )

    async def is_ending(self, namespace: str) -> bool:
        """Return whether a namespace is being deleted."""
        return self.namespaces is not None and await self.namespaces.is_ending(namespace)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end."""
        return self._loop.run_until_complete(work)

    async def _post(self, job: ImageJob, message: str) -> Response:
        """Play the receiver of callbacks."""
        self.sent.append((self.time, message))
        return self.response

    def deliver(self) -> None:
        """Let the started callbacks end."""

        async def end_all() -> None:
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

        self.run(end_all())

    def create(self, spec: Spec, name: str = "job", **changes: Any) -> ImageJob:
        """Create a job, as the API does."""
        finalizers = (names.FINALIZER,) if spec.output.deletion_policy == "Delete" else ()
        return self.run(
            self.store.create(ImageJob(JobKey("ns", name), spec, finalizers=finalizers, **changes))
        )

    def reconcile(self, key: JobKey = JobKey("ns", "job")) -> Result | None:  # noqa: B008
        """Let the operator reconcile once; None if it failed or was killed."""
        try:
            again = self.run(self.reconciler.reconcile(key))
        except Killed:
            self.faults.kill_before = self.faults.kill_after = None
            self.restart()
            return None
        except ImageJobsError:
            return None
        self.requeues[key] = again
        return again

    def job(self, name: str = "job") -> ImageJob:
        """Return the job as it is."""
        return self.store.jobs[JobKey("ns", name)]

    def status(self, name: str = "job") -> Status:
        """Return its status."""
        return self.job(name).status

    def work(self, code: Code | None = None) -> bool:
        """Let a pool worker do the oldest task; False if there is none."""
        if not self.queue.tasks:
            return False
        entry, task = next(iter(self.queue.tasks.items()))
        ended = outcome(task.index, task.attempt, code)
        done = self.queue.ack(entry, ended)
        if self.wake_ups_arrive:
            self.memory.record_wake_up(
                WakeUp(
                    task.key, task.uid, ended, sum(each.uid == task.uid for each in self.queue.tasks.values())
                )
            )
        return done

    def flush(self) -> None:
        """FLUSHALL."""
        self.board.flush()
        self.queue.flush()

    def child(self, attempt: int = 1, name: str = "job") -> Running:
        """Return an attempt's Job."""
        return self.jobs.running[name, attempt]

    def shard(
        self,
        shard: int,
        attempt: int = 1,
        codes: dict[int, Code] | None = None,
        most: int = 10**6,
        name: str = "job",
    ) -> None:
        """Let a pod do up to `most` images of its shard; the images of earlier pods stay done.

        The shard is done only if all its images are.
        """
        uid = self.job(name).uid
        own = read_offsets(self.objects.data[s3_keys.offsets(uid)])[shard]
        assert len(self.objects.data[s3_keys.manifest(uid)][own.start : own.end].splitlines()) == own.count
        key = s3_keys.results(uid, shard)
        lines = {
            each.index: each for each in map(Outcome.from_line, self.objects.data.get(key, b"").splitlines())
        }
        open_ones = [
            n
            for n in range(own.first, own.first + own.count)
            if n not in lines or not (lines[n].succeeded or lines[n].attempt >= attempt)
        ]
        for index in open_ones[:most]:
            lines[index] = outcome(index, attempt, (codes or {}).get(index))
        self.objects.keep(key, "".join(f"{lines[n].to_line()}\n" for n in sorted(lines)).encode())
        good = sum(each.succeeded for each in lines.values())
        self.board.shards.setdefault(uid, {})[shard] = Counts(0, 0, good, len(lines) - good)
        if len(open_ones) <= most:
            self.child(attempt, name).done.add(shard)

    def collect_garbage(self) -> None:
        """Remove Jobs whose owner is gone, or whose deletion was asked for."""
        owners = {job.uid for job in self.store.jobs.values()}
        gone = [key for key, it in self.jobs.running.items() if it.deleting_since or it.owner not in owners]
        for key in gone:
            del self.jobs.running[key]

    def settle(self, name: str = "job", rounds: int = 40) -> Status:
        """Let operator, workers and pods work without faults until the job has ended."""
        key = JobKey("ns", name)
        for _ in range(rounds):
            self.reconcile(key)
            if key not in self.store.jobs or self.status(name).state.final:
                break
            self.advance(1)
            self.collect_garbage()
            while self.work():
                pass
            for (owner, attempt), it in list(self.jobs.running.items()):
                if owner == name and it.owner == self.job(name).uid and not it.suspended and not it.ended:
                    for shard in sorted(set(range(it.shards)) - it.done - it.failed):
                        self.shard(shard, attempt, name=name)
        return self.status(name)


__all__ = ["OUTPUTS", "START", "Output", "World", "outcome", "spec"]
