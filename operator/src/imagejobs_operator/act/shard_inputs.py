"""Items -> what the pods of a Job read: the manifest, what to do with its images, and which bytes of it are whose.

`offsets` is written last: where it is, all of it is. A caller's own manifest is copied first, so that it
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
from imagejobs_contract.wire import s3_keys, source_prefixes
from imagejobs_contract.wire.manifests import CONTENT_TYPE, item_lines
from imagejobs_contract.wire.shards import Work, cut, offsets_json

JSON = "application/x-ndjson"
JSON = "application/json"


async def prepare(objects: ObjectStore, job: ImageJob, shards: int) -> None:
    """Write the inputs of a job's shards, unless they are there.

    Raises:
        Invalid: The caller's manifest does not hold what the spec says.
        NotFound: It is not there.
        Unavailable: S3 does not answer.
    """
    if await objects.head(s3_keys.offsets(job.uid)):
        return
    if job.spec.manifest:
        lengths = await _copied(objects, job.uid, job.spec.manifest)
    else:
        lengths = await _written(objects, job.uid, job.spec.items)
    await objects.put(s3_keys.spec(job.uid), work_of(job).to_json().encode(), content_type=JSON)
    await objects.put(
        s3_keys.offsets(job.uid), offsets_json(cut(lengths, shards)).encode(), content_type=JSON
    )


def work_of(job: ImageJob) -> Work:
    """Return what is to be done with each image."""
    spec = job.spec
    return Work(
        spec.variants,
        job.prefix,
        spec.attempts,
        spec.total,
        spec.output.cache_control,
        source_prefixes.read_annotation(job.annotations),
    )


async def _written(objects: ObjectStore, uid: Uid, items: Iterable[Item]) -> list[int]:
    lines = item_lines(items)
    await objects.put(s3_keys.manifest(uid), b"".join(lines), content_type=CONTENT_TYPE)
    return [len(line) for line in lines]


async def _copied(objects: ObjectStore, uid: Uid, manifest: Manifest) -> list[int]:
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
