"""Deletes the outputs of a job."""

from collections.abc import AsyncIterator, Iterable

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore


async def delete_outputs(
    objects: ObjectStore, job: ImageJob, outcomes: AsyncIterator[Iterable[Outcome]]
) -> set[int]:
    """Delete the outputs of a job, and nothing else.

    A job's own prefix is deleted whole. A prefix that a user chose may hold other files, so only the keys
    that the outcomes name are deleted there.

    Args:
        outcomes: Some outcomes of the job at a time; not read if the prefix is the job's own.

    Returns:
        The indexes of those of `spec.items` whose outputs the outcomes named.

    Raises:
        Unavailable: S3 does not answer.
    """
    named: set[int] = set()
    if job.has_own_prefix:
        await objects.delete_prefix(f"{job.prefix}/")
        return named
    async for some in outcomes:
        some = list(some)
        named.update(each.index for each in some if each.outputs and each.index < len(job.spec.items))
        await objects.delete(output.key for each in some for output in each.outputs)
    return named
