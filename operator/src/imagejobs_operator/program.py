"""Connects the parts of the operator and runs them side by side until a signal comes or one of them ends."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.times import SteadyClock
from imagejobs_contract.runtime import probes
from imagejobs_contract.runtime.metrics import serve
from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.pod_ledger import PodLedger
from imagejobs_operator.act.reconcile import Reconciler
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.decide.deliveries import DeliveryResult
from imagejobs_operator.decide.plan_input import Policy
from imagejobs_operator.feeds.namespaces import Namespaces
from imagejobs_operator.feeds.pool_rounds import PoolRounds
from imagejobs_operator.feeds.resync import follow_wake_ups, resync
from imagejobs_operator.health import Health
from imagejobs_operator.leader.leadership import Leadership
from imagejobs_operator.metrics import Metrics
from imagejobs_operator.settings import Settings
from imagejobs_operator.usage.recorder import UsageRecorder
from imagejobs_operator.wiring import Outside, follow_changes, follow_guard, open_outside

PROGRAM = "operator"
Part = Coroutine[Any, Any, None]
log = logging.getLogger(__name__)


async def run(settings: Settings, environ: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT, or until a part ends by itself; return the exit code.

    Args:
        settings: Of this program.
        environ: The variables that processes of shards inherit.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    metrics = Metrics()
    health = Health()
    with open_tracer(PROGRAM, settings.traces, metrics.count_spans) as traces:
        async with open_outside(settings, environ, traces, metrics.count_callback) as outside:
            made = _make_servers(settings, health, metrics, outside.leadership)
            servers = [asyncio.create_task(each) for each in made]
            if not await _may_lead(outside.leadership, health, servers, stop):
                return await _run_parts(servers, stop)
            try:
                parts = _connect(settings, outside, traces, metrics, health, stop)
                return await _run_parts([*servers, *parts], stop)
            finally:
                if outside.leadership:
                    await outside.leadership.release()


async def _may_lead(
    leadership: Leadership | None, health: Health, servers: Sequence[asyncio.Task[None]], stop: asyncio.Event
) -> bool:
    """Wait for the Lease, if there is one; return False if the program is to end before."""
    if leadership is None:
        return True
    health.begin_waiting()
    acquiring, stopping = asyncio.create_task(leadership.acquire()), asyncio.create_task(stop.wait())
    await asyncio.wait([acquiring, stopping, *servers], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if acquiring.done() and not stop.is_set():
        acquiring.result()
        return True
    acquiring.cancel()
    await asyncio.gather(acquiring, return_exceptions=True)
    await leadership.release()
    return False


def _stop_on_signals(stop: asyncio.Event) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)


def _connect(
    settings: Settings,
    outside: Outside,
    traces: Tracer,
    metrics: Metrics,
    health: Health,
    stop: asyncio.Event,
) -> list[Part]:
    """Connect the parts, and return those that run until the end."""
    usage = UsageRecorder(outside.ports.objects, outside.calendar)
    ports, memory, clock = replace(outside.ports, usage=usage), Memory(), SteadyClock()
    policy = _make_policy(settings, clock())
    pods = PodLedger(settings.limits.max_owner_pods, policy.grants)
    reconciler = Reconciler(
        ports,
        policy,
        clock,
        memory,
        traces,
        pods,
        calendar=outside.calendar,
        sees_own_writes=False,
        count_write=metrics.count_write,
    )
    namespaces = Namespaces(None if settings.sqlite else settings.namespaces)

    async def work(key: JobKey) -> Result:
        # A job that goes is let go of also where nothing else is allowed any more.
        is_going = memory.history(key).deleting_since is not None
        if namespaces.is_away(key.namespace) and not is_going:
            return Result()
        return await reconciler.reconcile(key)

    queue = WorkQueue(metrics.time_reconciles(work), settings.concurrency)
    pods.on_turn(queue.add)
    for gate in outside.gates:
        gate.on_open(queue.add_refused)
    metrics.expose(queue, memory, clock)

    def on_result(key: JobKey, result: DeliveryResult) -> None:
        memory.record_delivery(key, result)
        queue.add(key)

    if outside.dispatcher:
        outside.dispatcher.on_result(on_result)
    if outside.processes:
        outside.processes.on_change(queue.add)

    def believe_claims(believed: bool) -> None:
        reconciler.believe_claims(believed)
        for key in memory.unfinished_jobs():
            queue.add(key)

    rounds = PoolRounds(ports.queue, memory, queue.add, clock, settings.resync_seconds)

    def is_settled(job: ImageJob) -> bool:
        settled = reconciler.is_settled(job)
        if settled and not job.status.state.final:
            rounds.ask_soon()
        return settled

    health.begin_work(queue.oldest_seconds)
    return [
        *([outside.leadership.keep()] if outside.leadership else ()),
        *follow_guard(settings, outside, believe_claims),
        queue.run(),
        usage.run(),
        follow_wake_ups(ports.board, queue, memory),
        rounds.run(),
        resync(
            ports.store,
            queue,
            settings.resync_seconds,
            health,
            namespaces,
            lambda key: memory.is_due(key, clock()),
            memory.keys,
        ),
        # kopf takes the signals for itself.
        follow_changes(settings, outside, queue, is_settled, lambda: _stop_on_signals(stop), stop),
    ]


def _make_servers(
    settings: Settings, health: Health, metrics: Metrics, leadership: Leadership | None
) -> list[Part]:
    servers: list[Part] = []
    metrics.expose_leader(lambda: leadership is None or leadership.leads)
    if settings.health:
        checks = {"/healthz": health.check_alive, "/readyz": health.check_ready}
        notes = {"/readyz": leadership.describe} if leadership else {}
        servers.append(probes.serve(*settings.health, checks, notes))
    if settings.metrics:
        servers.append(serve(*settings.metrics, metrics.registry))
    return servers


def _make_policy(settings: Settings, since: datetime) -> Policy:
    return Policy(
        since=since,
        pool=settings.pool,
        jobs=settings.jobs,
        # On one machine the pool runs as long as the operator, and its workers have no start to pay for.
        jobs_from=limits.MAX_ITEMS + 1 if settings.sqlite else None,
        window=settings.window,
        lease_seconds=settings.lease_seconds,
        queue_seconds=settings.limits.queue_seconds,
        resync_seconds=settings.resync_seconds,
        callbacks=bool(settings.webhooks),
        # On one machine only the API makes jobs, and it has checked them.
        grants=None if settings.sqlite else settings.grants,
        class_name=settings.class_name,
        believes_claims=True if settings.sqlite or settings.trust_claims else None,
    )


async def _run_parts(parts: Sequence[Part | asyncio.Task[None]], stop: asyncio.Event) -> int:
    tasks = [asyncio.ensure_future(each) for each in parts]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    was_asked = stop.is_set()
    stop.set()
    _log_errors(tasks)
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return 0 if was_asked else 1


def _log_errors(tasks: Sequence[asyncio.Task[None]]) -> None:
    for each in tasks:
        if each.done() and not each.cancelled() and (error := each.exception()):
            log.error("a part ended", exc_info=error)
