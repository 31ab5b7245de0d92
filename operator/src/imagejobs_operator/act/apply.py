"""Carries out one action through one port. It knows neither the reason of the action nor the next one."""

from dataclasses import replace
from typing import assert_never

from imagejobs_contract.files.outputs import delete_outputs, delete_own
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER
from imagejobs_contract.runtime.traces import current_span
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.origin import Origin
from imagejobs_operator.act import orphans, pool_tasks, result_files, shard_inputs
from imagejobs_operator.act.memory import Leftovers
from imagejobs_operator.act.ports import ChildJobs, Ports
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.actions import PortAction


class NoChildJobs(Exception):
    """Raised when an action needs Jobs and this operator has none: a bug of the plan."""


async def apply(ports: Ports, job: ImageJob, action: PortAction) -> ImageJob | None:
    """Carry out an action, and return the job as it is after a write of its status, else None.

    Loop actions (`LoopAction`) never reach this function: the reconciler carries them out.

    Raises:
        ImageJobsError: As the port says.
        AssertionError: The action is of no known type.
    """
    written = None
    if isinstance(action, actions.QueueAction):
        await _apply_to_queue(ports, job, action)
    elif isinstance(action, actions.BoardAction):
        await _apply_to_board(ports, job, action)
    elif isinstance(action, actions.ChildJobAction):
        await _apply_to_child_job(_child_jobs(ports), job, action)
    elif isinstance(action, actions.FileAction):
        await _apply_to_files(ports, job, action)
    elif isinstance(action, actions.StoreAction):
        written = await _apply_to_store(ports, job, action)
    elif isinstance(action, actions.MessageAction):
        await _send_message(ports, job, action)
    else:
        assert_never(action)
    return written


async def delete_leftovers(ports: Ports, leftovers: Leftovers) -> None:
    """Delete everything of a vanished job outside the store (work, progress, files) but its outputs."""
    if ports.child_jobs:
        await ports.child_jobs.stop_all(leftovers.uid)
    await ports.queue.cancel(leftovers.uid)
    await ports.board.forget(leftovers.uid)
    await delete_files(ports, leftovers)


async def delete_files(ports: Ports, leftovers: Leftovers) -> None:
    """Delete working files and uploads."""
    await ports.objects.delete_prefix(s3_keys.job(leftovers.uid))
    if leftovers.uploads:
        await ports.objects.delete_prefix(leftovers.uploads)


async def _apply_to_queue(ports: Ports, job: ImageJob, action: actions.QueueAction) -> None:
    match action:
        case actions.SendTasks():
            origin = _origin(job)
            tasks = pool_tasks.make_tasks(
                job, action.indexes, action.attempt, action.lifetime_seconds, origin
            )
            await ports.queue.send(tasks)
        case actions.WithdrawTasks():
            await ports.queue.cancel(job.uid)
        case _:
            assert_never(action)


async def _apply_to_board(ports: Ports, job: ImageJob, action: actions.BoardAction) -> None:
    match action:
        case actions.PutCounts():
            await ports.board.put_shard(job.key, job.uid, 0, action.counts)
        case actions.Announce():
            await ports.board.announce(action.change)
        case actions.Forget():
            await ports.board.forget(job.uid)
        case _:
            assert_never(action)


async def _apply_to_child_job(child_jobs: ChildJobs, job: ImageJob, action: actions.ChildJobAction) -> None:
    match action:
        case actions.CreateJob():
            granted = replace(job, spec=replace(job.spec, parallelism=action.parallelism))
            await child_jobs.create(granted, action.attempt, action.shards)
        case actions.SuspendJob():
            await child_jobs.suspend(job, action.attempt, action.suspend)
        case actions.SetParallelism():
            await child_jobs.set_parallelism(job, action.attempt, action.parallelism)
        case actions.DeleteJob():
            await child_jobs.delete(job, action.attempt)
        case _:
            assert_never(action)


async def _apply_to_files(ports: Ports, job: ImageJob, action: actions.FileAction) -> None:
    match action:
        case actions.PrepareShards():
            await shard_inputs.prepare(ports.objects, job, action.shards, action.sources)
        case actions.FillMissing():
            await result_files.fill(ports.objects, job, action)
        case actions.WriteResults():
            await result_files.write(ports.objects, job.uid, action.outcomes)
        case actions.DeleteFiles():
            await delete_files(ports, Leftovers.of(job))
        case actions.DeleteOutputs():
            await _delete_outputs(ports, job, action.shards)
        case _:
            assert_never(action)


async def _apply_to_store(ports: Ports, job: ImageJob, action: actions.StoreAction) -> ImageJob | None:
    match action:
        case actions.WriteStatus():
            return await ports.store.put_status(job, action.status)
        case actions.DeleteImageJob():
            await ports.store.delete(job.key, job.uid)
        case actions.AddFinalizer():
            await ports.store.add_finalizer(job, FINALIZER)
        case actions.RemoveFinalizer():
            await ports.store.remove_finalizer(job, FINALIZER)
        case _:
            assert_never(action)
    return None


async def _send_message(ports: Ports, job: ImageJob, action: actions.MessageAction) -> None:
    match action:
        case actions.Emit():
            await ports.events.emit(job, action)
        case actions.Deliver():
            if ports.callbacks:
                await ports.callbacks.dispatch(job, action.delivery)
        case _:
            assert_never(action)


def _child_jobs(ports: Ports) -> ChildJobs:
    if ports.child_jobs is None:
        raise NoChildJobs
    return ports.child_jobs


def _origin(job: ImageJob) -> Origin:
    """Return the origin of tasks: the current span if there is one, else the span that the job names."""
    origin = Origin.of(job)
    return replace(origin, traceparent=current_span().header or origin.traceparent)


async def _delete_outputs(ports: Ports, job: ImageJob, shards: int) -> None:
    named = await delete_outputs(ports.objects, job, result_files.drain(ports.objects, job, shards))
    if not job.has_own_prefix:
        await delete_own(ports.objects, job.uid, orphans.possible_orphans(job, named))
