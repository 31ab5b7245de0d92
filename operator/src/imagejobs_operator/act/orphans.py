"""Results that no outcome tells of: a worker stored them after it had lost the work, or it was killed before it told.

Under a prefix that somebody chose they are found by the keys that they must have, and known by what the
worker wrote onto them; whatever else lies there stays. Of images in a manifest, as many as a million, they
are not looked for.
"""

import asyncio
from collections.abc import Collection, Iterator

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys

READERS = 16
"""Objects that are asked for at once: at 15 ms each, the 48,000 keys of a job with all that it may have take
45 s.
"""


async def find(objects: ObjectStore, job: ImageJob, told: Collection[int]) -> list[S3Key]:
    """Return the keys of a job's results, but of those of images whose outcomes told of them.

    Raises:
        Unavailable: S3 does not answer.
    """
    keys = list(_possible(job, told))
    found: list[S3Key] = []
    for start in range(0, len(keys), READERS):
        some = keys[start : start + READERS]
        facts = await asyncio.gather(*map(objects.head, some))
        found += [
            key
            for key, each in zip(some, facts, strict=True)
            if each and each.metadata.get(s3_keys.MADE_BY) == job.uid
        ]
    return found


def _possible(job: ImageJob, told: Collection[int]) -> Iterator[S3Key]:
    for index, item in enumerate(job.spec.items):
        for variant in job.spec.variants if index not in told else ():
            yield from (
                s3_keys.output(job.prefix, index, item.name, variant.name, each) for each in _formats(variant)
            )


def _formats(variant: Variant) -> tuple[Format, ...]:
    """Return the encodings that a result may have: any, where it may be the source's own."""
    return (variant.format,) if variant.format and not variant.only_if_smaller else tuple(Format)
