"""Items -> what the pods of a Job read: the manifest, what to do with its images, and which bytes of it are whose.

`offsets` is written last: where it is, all of it is. A caller's own manifest is copied first, so that it cannot change while pods read it.
"""

import json
from collections.abc import Iterable

from imagejobs_contract import layout
from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.imagejob import ImageJob, Item, Manifest, item_body
from imagejobs_contract.ports import ObjectStore
from imagejobs_contract.shards import Work, cut, offsets_json

CHUNK_BYTES = 8 * 2**20
"""Read at once of a caller's manifest."""
MAX_LINE_BYTES = 16 * 2**10
"""A key of 1,024 and a URL of 2,048 characters fit in any encoding."""
NDJSON = "application/x-ndjson"
JSON = "application/json"


async def prepare(objects: ObjectStore, job: ImageJob, shards: int) -> None:
    """Write the inputs of a job's shards, unless they are there.

    Raises:
        Invalid: The caller's manifest does not hold what the spec says.
        NotFound: It is not there.
        Unavailable: S3 does not answer.
    """
    if await objects.head(layout.offsets(job.uid)):
        return
    if job.spec.manifest:
        lengths = await _copied(objects, job.uid, job.spec.manifest)
    else:
        lengths = await _written(objects, job.uid, job.spec.items)
    await objects.put(layout.spec(job.uid), work_of(job).to_json().encode(), content_type=JSON)
    await objects.put(layout.offsets(job.uid), offsets_json(cut(lengths, shards)).encode(), content_type=JSON)


def work_of(job: ImageJob) -> Work:
    """Return what is to be done with each image."""
    return Work(job.spec.variants, job.prefix, job.spec.attempts, job.spec.total, job.spec.output.cache_control)


def item_lines(items: Iterable[Item]) -> list[bytes]:
    """Return the items as lines of a manifest, line feeds included."""
    return [json.dumps(item_body(item), separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for item in items]


async def _written(objects: ObjectStore, uid: str, items: Iterable[Item]) -> list[int]:
    lines = item_lines(items)
    await objects.put(layout.manifest(uid), b"".join(lines), content_type=NDJSON)
    return [len(line) for line in lines]


async def _copied(objects: ObjectStore, uid: str, manifest: Manifest) -> list[int]:
    key = layout.manifest(uid)
    try:
        await objects.copy(manifest.key, key)
    except NotFound as ex:
        raise NotFound(f"the manifest {manifest.key} is not there") from ex
    facts = await objects.head(key)
    lengths = await _line_lengths(objects, key, facts.size if facts else 0)
    if len(lengths) != manifest.count:
        raise Invalid([Fault("spec.manifest.count", f"is {manifest.count}, but the manifest has {len(lengths)} lines")])
    return lengths


async def _line_lengths(objects: ObjectStore, key: str, size: int) -> list[int]:
    lengths: list[int] = []
    rest = b""
    for start in range(0, size, CHUNK_BYTES):
        data = rest + await objects.get_range(key, start, min(start + CHUNK_BYTES, size))
        lines = data.split(b"\n")
        rest = lines.pop()
        lengths += [len(line) + 1 for line in lines]
        if len(rest) > MAX_LINE_BYTES:
            raise Invalid([Fault("spec.manifest", f"line {len(lengths) + 1} is longer than {MAX_LINE_BYTES} bytes")])
    return [*lengths, len(rest)] if rest else lengths
