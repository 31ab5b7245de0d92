"""The contents of a job's archive, complete before its first byte is sent. Only reads.

Listing the prefix of the outputs shows which of them were deleted; the archive names those in a text file.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from imagejobs_api.archive.member_names import MemberNames
from imagejobs_api.view import outcomes, states
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ListedObject, ObjectStore

MAX_FOREIGN_OBJECTS = 10_000
"""Objects of others under the job's prefix, after which listing ends and each output is asked for by HEAD."""
MAX_CONCURRENT_HEADS = 16
"""HEAD requests at the same time."""
_EXPIRED = (Code.EXPIRED.value, meaning(Code.EXPIRED).sentence)
NOT_DONE = "not_done"
"""In place of an error code, for images that a cancelled job did not process."""


@dataclass(frozen=True, slots=True)
class File:
    """An output in the archive: its name there, its key in S3, and the version to read."""

    name: str
    key: S3Key
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in the archive.

    Attributes:
        missing: A line for each output or image that is missing: id, name, code and sentence with tabs
            between them; "" if none is.
        gone: Number of outputs that were deleted.
    """

    files: tuple[File, ...]
    missing: str
    gone: int


class ContentsReader:
    """Reads the contents of archives from the outcomes of the images and the objects in S3.

    Used by `Archives` before it answers; lives as long as the app.
    """

    def __init__(self, outcomes: Outcomes, objects: ObjectStore) -> None:
        self._outcomes = outcomes
        self._objects = objects

    async def read(self, job: ImageJob, images: range) -> Contents:
        """Return the contents of an archive of these images, in their order."""
        ended = await self._read_outcomes(job, images)
        keys = frozenset(output.key for each in ended.values() for output in each.outputs)
        objects: dict[S3Key, ListedObject] = {}
        for folder in (f"{each.rstrip('/')}/" for each in job.prefixes):
            if below := frozenset(key for key in keys if key.startswith(folder)):
                objects |= await self._find_objects(folder, below)
        return await asyncio.to_thread(build_contents, job, images, ended, objects)

    async def _read_outcomes(self, job: ImageJob, images: range) -> Mapping[int, Outcome]:
        found: dict[int, Outcome] = {}
        for span in outcomes.spans(job):
            wanted = range(max(span.start, images.start), min(span.stop, images.stop))
            if wanted:
                found |= await self._outcomes.get_many(job, wanted)
        return found

    async def _find_objects(self, prefix: str, keys: frozenset[S3Key]) -> Mapping[S3Key, ListedObject]:
        found: dict[S3Key, ListedObject] = {}
        foreign = 0
        async with aclosing(self._objects.list(prefix)) as pages:
            async for page in pages:
                own = {each.key: each for each in page if each.key in keys}
                found |= own
                foreign += len(page) - len(own)
                if len(found) == len(keys):
                    return found
                if foreign > MAX_FOREIGN_OBJECTS:
                    return found | await self._head_each(keys - found.keys())
        return found

    async def _head_each(self, keys: Iterable[S3Key]) -> dict[S3Key, ListedObject]:
        slots = asyncio.Semaphore(MAX_CONCURRENT_HEADS)

        async def head(key: S3Key) -> ListedObject | None:
            async with slots:
                facts = await self._objects.head(key)
                return ListedObject(key, facts.size, facts.etag) if facts else None

        return {each.key: each for each in await asyncio.gather(*map(head, keys)) if each}


def build_contents(
    job: ImageJob, images: range, ended: Mapping[int, Outcome], objects: Mapping[S3Key, ListedObject]
) -> Contents:
    """Return the contents.

    Args:
        ended: The outcomes of the finished images.
        objects: The objects that exist in S3, by their keys.
    """
    member_names, files, lines, gone = MemberNames(), [], [], 0
    for index in images:
        outcome = ended.get(index)
        if outcome is None or outcome.code:
            lines.append(_failure_line(job, index, outcome))
            continue
        for output in outcome.outputs:
            name = member_names.assign(
                outcome.name or job.item_name(index), index, output.variant, output.format.extension
            )
            facts = objects.get(output.key)
            if facts is None:
                gone += 1
                lines.append(missing_line(job, index, name, *_EXPIRED))
            else:
                files.append(File(name, output.key, facts.size, facts.etag))
    return Contents(tuple(files), "".join(lines), gone)


def _failure_line(job: ImageJob, index: int, outcome: Outcome | None) -> str:
    error = states.item_error(job, outcome) or {
        "code": NOT_DONE,
        "message": "The job was cancelled before this image was done.",
    }
    return missing_line(
        job, index, outcome.name if outcome else job.item_name(index), error["code"], error["message"]
    )


def missing_line(job: ImageJob, index: int, name: str, code: str, sentence: str) -> str:
    """Return the line about an output, or a source, that is not in the archive."""
    fields = (names.sub_job_id(job.key.name, index), name, code, sentence)
    return "\t".join(" ".join(each.split()) for each in fields) + "\n"
