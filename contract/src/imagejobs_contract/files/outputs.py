"""Deletes the outputs of a job."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys

MAX_PARALLEL_HEADS = 32
"""HEAD requests at once. At 15 ms each, the 48,000 possible keys of the largest job of `items` take 23 s."""


async def delete_outputs(
    objects: ObjectStore, job: ImageJob, outcomes: AsyncIterator[Iterable[Outcome]]
) -> set[int]:
    """Delete the outputs of a job, and nothing else.

    A prefix with the job's uid in it is deleted whole. Any other may hold files of others, and an object may
    have been replaced since the outcome that names its key: there each object must name the job as its maker.

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
        for shared in job.prefixes[1:]:
            async for page in objects.list(f"{shared}/"):
                await delete_own(objects, job.uid, (each.key for each in page))
        return named
    async for some in outcomes:
        some = list(some)
        named.update(each.index for each in some if each.outputs and each.index < len(job.spec.items))
        await delete_own(objects, job.uid, (output.key for each in some for output in each.outputs))
    return named


async def delete_own(objects: ObjectStore, uid: Uid, keys: Iterable[S3Key]) -> None:
    """Delete those of the objects that the job of this uid made; all others stay.

    A worker of another job that replaces an object between our look and our deletion loses it: S3 has no
    deletion on a condition everywhere.

    Raises:
        Unavailable: S3 does not answer.
    """
    rest = iter(keys)
    while some := list(itertools.islice(rest, MAX_PARALLEL_HEADS)):
        facts = await asyncio.gather(*map(objects.head, some))
        own = [
            key
            for key, each in zip(some, facts, strict=True)
            if each and each.metadata.get(s3_keys.MADE_BY) == uid
        ]
        if own:
            await objects.delete(own)
