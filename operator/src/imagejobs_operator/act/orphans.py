"""Says where outputs without an outcome may lie: their worker had lost its lease, or died before its report.

Under a prefix that the caller chose, their possible keys follow from the spec (pure); the object's metadata
say whether it is the job's. For images of a manifest, up to a million, none are named.
"""

from collections.abc import Collection, Iterator

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.wire import s3_keys


def possible_orphans(job: ImageJob, reported: Collection[int]) -> Iterator[S3Key]:
    """Yield the keys that a job's outputs may have without an outcome that names them.

    Args:
        reported: Indexes of images whose outcomes name their outputs; they are skipped.
    """
    for index, item in enumerate(job.spec.items):
        for variant in job.spec.variants if index not in reported else ():
            yield from (
                s3_keys.output(job.prefix, index, item.name, variant.name, each) for each in _formats(variant)
            )


def _formats(variant: Variant) -> tuple[Format, ...]:
    """Return the formats that an output may have; any, where it may be the original file."""
    return (variant.format,) if variant.format and not variant.only_if_smaller else tuple(Format)
