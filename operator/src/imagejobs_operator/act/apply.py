"""Carries out one action: each is one step through one port. Knows neither why nor what comes next."""

from collections.abc import Awaitable
from dataclasses import replace

from imagejobs_contract.files.outputs import delete_outputs
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER
from imagejobs_contract.runtime.traces import current_span
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.origin import Origin
from imagejobs_operator.act import orphans, pool_tasks, result_files, shard_inputs
from imagejobs_operator.act.memory import Remains
from imagejobs_operator.act.ports import Jobs, Parts
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.actions import Action


class NoJobs(Exception):
    """Raised when a Job is asked for where there is no Kubernetes: a mistake of ours."""


async def act(parts: Parts, job: ImageJob, action: Action) -> ImageJob | None:
    """Carry out an action about a job, and return the job as it stands then, if its status was written.

    Raises:
        ImageJobsError: As the port says.
    """
    if isinstance(action, actions.WriteStatus):
        return await parts.store.put_status(job, action.status)
    step = (
        _on_pool(parts, job, action)
        or _on_child(parts, job, action)
        or _on_files(parts, job, action)
        or _on_record(parts, job, action)
    )
    if step is not None:
        await step
    return None


def _origin(job: ImageJob) -> Origin:
    """Return where the work comes from: the span that sends it, if that is told of, else the one that the job names."""
    origin = Origin.of(job)
    return replace(origin, traceparent=current_span().header or origin.traceparent)


async def clear_away(parts: Parts, remains: Remains) -> None:
    """Remove what a vanished job left outside the store: its work, its progress, its files; never its outputs."""
    if parts.jobs:
        await parts.jobs.abandon(remains.uid)
    await parts.queue.cancel(remains.uid)
    await parts.board.forget(remains.uid)
    await delete_files(parts, remains)


async def delete_files(parts: Parts, remains: Remains) -> None:
    """Delete working files and uploads."""
    await parts.objects.delete_prefix(s3_keys.job(remains.uid))
    if remains.uploads:
        await parts.objects.delete_prefix(remains.uploads)


def _on_pool(parts: Parts, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.SendTasks():
            return parts.queue.send(
                pool_tasks.tasks(job, action.indexes, action.attempt, action.expires, _origin(job))
            )
        case actions.WithdrawTasks():
            return parts.queue.cancel(job.uid)
        case actions.PutCounts():
            return parts.board.put_shard(job.key, job.uid, 0, action.counts)
        case actions.Announce():
            return parts.board.announce(action.change)
        case actions.Forget():
            return parts.board.forget(job.uid)
    return None


def _on_child(parts: Parts, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.CreateJob():
            return _jobs(parts).create(job, action.attempt, action.shards)
        case actions.SuspendJob():
            return _jobs(parts).suspend(job, action.attempt, action.suspend)
        case actions.SetParallelism():
            return _jobs(parts).set_parallelism(job, action.attempt, action.parallelism)
        case actions.DeleteJob():
            return _jobs(parts).delete(job, action.attempt)
    return None


def _on_files(parts: Parts, job: ImageJob, action: Action) -> Awaitable[None] | None:
    match action:
        case actions.PrepareShards():
            return shard_inputs.prepare(parts.objects, job, action.shards)
        case actions.FillMissing():
            return result_files.fill(parts.objects, job, action)
        case actions.WriteResults():
            return result_files.write(parts.objects, job.uid, action.outcomes)
        case actions.DeleteFiles():
            return delete_files(parts, Remains.of(job))
        case actions.DeleteOutputs():
            return _delete_outputs(parts, job, action.shards)
    return None


def _on_record(parts: Parts, job: ImageJob, action: Action) -> Awaitable[object] | None:
    match action:
        case actions.Emit():
            return parts.events.emit(job, action)
        case actions.Deliver():
            return parts.callbacks.begin(job, action.ticket) if parts.callbacks else None
        case actions.DeleteImageJob():
            return parts.store.delete(job.key, job.uid)
        case actions.AddFinalizer():
            return parts.store.add_finalizer(job, FINALIZER)
        case actions.RemoveFinalizer():
            return parts.store.remove_finalizer(job, FINALIZER)
    return None


def _jobs(parts: Parts) -> Jobs:
    if parts.jobs is None:
        raise NoJobs
    return parts.jobs


async def _delete_outputs(parts: Parts, job: ImageJob, shards: int) -> None:
    named = await delete_outputs(parts.objects, job, result_files.ended(parts.objects, job, shards))
    if not job.has_own_prefix:
        await parts.objects.delete(await orphans.find(parts.objects, job, named))
