"""Finds outputs without an outcome: their worker had lost its lease, or died before its report.

Under a prefix that the caller chose, their possible keys are computed from the spec, and an object counts
only if its metadata name the job; all other objects under the prefix stay. For images of a manifest, up to a
million, it does not search.
"""

import asyncio
from collections.abc import Collection, Iterator

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys

MAX_PARALLEL_HEADS = 16
"""HEAD requests at once. At 15 ms each, the 48,000 possible keys of the largest job take 45 s."""


async def find_orphaned_outputs(
    objects: ObjectStore, job: ImageJob, reported: Collection[int]
) -> list[S3Key]:
    """Return the keys of a job's outputs that no outcome names.

    Args:
        reported: Indexes of images whose outcomes name their outputs; they are skipped.

    Raises:
        Unavailable: S3 does not answer.
    """
    keys = list(_possible_keys(job, reported))
    found: list[S3Key] = []
    for start in range(0, len(keys), MAX_PARALLEL_HEADS):
        some = keys[start : start + MAX_PARALLEL_HEADS]
        facts = await asyncio.gather(*map(objects.head, some))
        found += [
            key
            for key, each in zip(some, facts, strict=True)
            if each and each.metadata.get(s3_keys.MADE_BY) == job.uid
        ]
    return found


def _possible_keys(job: ImageJob, reported: Collection[int]) -> Iterator[S3Key]:
    for index, item in enumerate(job.spec.items):
        for variant in job.spec.variants if index not in reported else ():
            yield from (
                s3_keys.output(job.prefix, index, item.name, variant.name, each) for each in _formats(variant)
            )


def _formats(variant: Variant) -> tuple[Format, ...]:
    """Return the formats that an output may have; any, where it may be the original file."""
    return (variant.format,) if variant.format and not variant.only_if_smaller else tuple(Format)
