"""Carries out one action: each is one step through one port. Knows neither why nor what comes next."""

from collections.abc import Awaitable
from dataclasses import replace

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER
from imagejobs_contract.runtime.traces import current_span
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.origin import Origin
from imagejobs_operator.act import orphans, pool_tasks, result_files, shard_inputs
from imagejobs_operator.act.memory import Leftovers
from imagejobs_operator.act.ports import ChildJobs, Ports
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.actions import Action


class NoChildJobs(Exception):
    """Raised when a Job is asked for where there is no Kubernetes: a mistake of ours."""


async def apply(ports: Ports, job: ImageJob, action: Action) -> ImageJob | None:
    """Carry out an action about a job, and return the job as it stands then, if its status was written.

    Raises:
        ImageJobsError: As the port says.
    """
    if isinstance(action, actions.WriteStatus):
        return await ports.store.put_status(job, action.status)
    step = (
        _on_pool(ports, job, action)
        or _on_child(ports, job, action)
        or _on_files(ports, job, action)
        or _on_record(ports, job, action)
    )
    if step is not None:
        await step
    return None


def _origin(job: ImageJob) -> Origin:
    """Return where the work comes from: the span that sends it, if that is told of, else the one that the job names."""
    origin = Origin.of(job)
    return replace(origin, traceparent=current_span().header or origin.traceparent)


async def delete_leftovers(ports: Ports, remains: Leftovers) -> None:
    """Remove what a vanished job left outside the store: its work, its progress, its files; never its outputs."""
    if ports.child_jobs:
        await ports.child_jobs.stop_all(remains.uid)
    await ports.queue.cancel(remains.uid)
    await ports.board.forget(remains.uid)
    await delete_files(ports, remains)


async def delete_files(ports: Ports, remains: Leftovers) -> None:
    """Delete working files and uploads."""
    await ports.objects.delete_prefix(s3_keys.job(remains.uid))
    if remains.uploads:
        await ports.objects.delete_prefix(remains.uploads)


def _on_pool(ports: Ports, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.SendTasks():
            return ports.queue.send(
                pool_tasks.make_tasks(job, action.indexes, action.attempt, action.expires, _origin(job))
            )
        case actions.WithdrawTasks():
            return ports.queue.cancel(job.uid)
        case actions.PutCounts():
            return ports.board.put_shard(job.key, job.uid, 0, action.counts)
        case actions.Announce():
            return ports.board.announce(action.change)
        case actions.Forget():
            return ports.board.forget(job.uid)
    return None


def _on_child(ports: Ports, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.CreateJob():
            return _child_jobs(ports).create(job, action.attempt, action.shards)
        case actions.SuspendJob():
            return _child_jobs(ports).suspend(job, action.attempt, action.suspend)
        case actions.SetParallelism():
            return _child_jobs(ports).set_parallelism(job, action.attempt, action.parallelism)
        case actions.DeleteJob():
            return _child_jobs(ports).delete(job, action.attempt)
    return None


def _on_files(ports: Ports, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.PrepareShards():
            return shard_inputs.prepare(ports.objects, job, action.shards)
        case actions.FillMissing():
            return result_files.fill(ports.objects, job, action)
        case actions.WriteResults():
            return result_files.write(ports.objects, job.uid, action.outcomes)
        case actions.DeleteFiles():
            return delete_files(ports, Leftovers.of(job))
        case actions.DeleteOutputs():
            return _delete_outputs(ports, job, action.shards)
    return None


def _on_record(ports: Ports, job: ImageJob, action: Action) -> Awaitable[object] | None:
    match action:
        case actions.Emit():
            return ports.events.emit(job, action)
        case actions.Deliver():
            return ports.callbacks.dispatch(job, action.delivery) if ports.callbacks else None
        case actions.DeleteImageJob():
            return ports.store.delete(job.key, job.uid)
        case actions.AddFinalizer():
            return ports.store.add_finalizer(job, FINALIZER)
        case actions.RemoveFinalizer():
            return ports.store.remove_finalizer(job, FINALIZER)
    return None


def _child_jobs(ports: Ports) -> ChildJobs:
    if ports.child_jobs is None:
        raise NoChildJobs
    return ports.child_jobs


async def _delete_outputs(ports: Ports, job: ImageJob, shards: int) -> None:
    if job.spec.output.prefix is None:
        await ports.objects.delete_prefix(f"{job.prefix}/")
        return
    # A prefix that somebody chose may hold more than this job's outputs.
    told: set[int] = set()
    async for outcomes in result_files.read_all(ports.objects, job, shards):
        told.update(each.index for each in outcomes if each.outputs and each.index < len(job.spec.items))
        await ports.objects.delete(output.key for each in outcomes for output in each.outputs)
    await ports.objects.delete(await orphans.find_orphaned_outputs(ports.objects, job, told))
