"""Writes the inputs of a Job's pods to S3: the manifest, the work on each image, the slice of each shard.

`offsets` is written last: if it exists, all inputs exist. A caller's manifest is copied first, so that it
cannot change while pods read it.
"""

from collections.abc import Iterable

from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.files.item_lengths import measure_items
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.spec import Manifest
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.manifests import CONTENT_TYPE, item_lines
from imagejobs_contract.wire.shards import Work, cut, offsets_json

JSON = "application/json"


async def prepare(objects: ObjectStore, job: ImageJob, shards: int, sources: tuple[str, ...] | None) -> None:
    """Write the inputs of a job's shards, unless they exist.

    Args:
        sources: Prefixes that the keys of images must lie under; None allows every key.

    Raises:
        Invalid: The caller's manifest and the spec do not agree.
        NotFound: The manifest does not exist.
        Unavailable: S3 does not answer.
    """
    if await objects.head(s3_keys.offsets(job.uid)):
        return
    if job.spec.manifest:
        lengths = await _copy_manifest(objects, job.uid, job.spec.manifest)
    else:
        lengths = await _write_manifest(objects, job.uid, job.spec.items)
    await objects.put(s3_keys.spec(job.uid), make_work(job, sources).to_json().encode(), content_type=JSON)
    await objects.put(
        s3_keys.offsets(job.uid), offsets_json(cut(lengths, shards)).encode(), content_type=JSON
    )


def make_work(job: ImageJob, sources: tuple[str, ...] | None) -> Work:
    """Return the work that each image needs."""
    spec = job.spec
    return Work(
        spec.variants,
        job.prefix,
        spec.attempts,
        spec.total,
        spec.output.cache_control,
        sources,
    )


async def _write_manifest(objects: ObjectStore, uid: Uid, items: Iterable[Item]) -> list[int]:
    lines = item_lines(items)
    await objects.put(s3_keys.manifest(uid), b"".join(lines), content_type=CONTENT_TYPE)
    return [len(line) for line in lines]


async def _copy_manifest(objects: ObjectStore, uid: Uid, manifest: Manifest) -> list[int]:
    key = s3_keys.manifest(uid)
    try:
        await objects.copy(manifest.key, key)
    except NotFound as ex:
        raise NotFound(f"the manifest {manifest.key} is not there") from ex
    facts = await objects.head(key)
    lengths = [
        each
        async for some in measure_items(objects, key, facts.size if facts else 0, "spec.manifest")
        for each in some
    ]
    if len(lengths) != manifest.count:
        raise Invalid(
            [
                Fault(
                    "spec.manifest.count",
                    f"is {manifest.count}, but the manifest has {len(lengths)} lines, blank ones aside",
                )
            ]
        )
    return lengths
