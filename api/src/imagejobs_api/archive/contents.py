"""What an archive of a job holds: known as a whole before its first byte is sent. Only reads.

What was deleted since is found by looking through the outputs' prefix, and is told in the archive rather than
left out in silence.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from imagejobs_api.archive.member_names import Names
from imagejobs_api.view import outcomes, states
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ListedObject, ObjectStore

STRANGERS = 10_000
"""Objects of others under the prefix that are passed over, before the job's own are asked for one by one."""
HEADS = 16
"""Objects that are asked for at once."""
NOT_DONE = "not_done"
"""Stands where a code does, of images that a cancelled job never came to."""


@dataclass(frozen=True, slots=True)
class File:
    """An output in the archive: its name there, where it lies in S3, and which version is meant."""

    name: str
    key: S3Key
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in the archive.

    Attributes:
        missing: What is not there and why, a line each: id, name, code and sentence with tabs between them;
            "" if all is there.
        gone: Outputs that were deleted.
    """

    files: tuple[File, ...]
    missing: str
    gone: int


class Librarian:
    """Finds out what an archive holds."""

    def __init__(self, found: Outcomes, objects: ObjectStore) -> None:
        self._outcomes = found
        self._objects = objects

    async def contents(self, job: ImageJob, images: range) -> Contents:
        """Return what an archive of these images holds, in their order."""
        ended = await self._ended(job, images)
        keys = frozenset(output.key for each in ended.values() for output in each.outputs)
        there = await self._there(f"{job.prefix.rstrip('/')}/", keys) if keys else {}
        return await asyncio.to_thread(written, job, images, ended, there)

    async def _ended(self, job: ImageJob, images: range) -> Mapping[int, Outcome]:
        found: dict[int, Outcome] = {}
        for span in outcomes.spans(job):
            wanted = range(max(span.start, images.start), min(span.stop, images.stop))
            if wanted:
                found |= await self._outcomes.each(job, wanted)
        return found

    async def _there(self, prefix: str, keys: frozenset[S3Key]) -> Mapping[S3Key, ListedObject]:
        found: dict[S3Key, ListedObject] = {}
        strangers = 0
        async with aclosing(self._objects.list(prefix)) as pages:
            async for page in pages:
                own = {each.key: each for each in page if each.key in keys}
                found |= own
                strangers += len(page) - len(own)
                if len(found) == len(keys):
                    return found
                if strangers > STRANGERS:
                    return found | await self._asked(keys - found.keys())
        return found

    async def _asked(self, keys: Iterable[S3Key]) -> dict[S3Key, ListedObject]:
        gate = asyncio.Semaphore(HEADS)

        async def ask(key: S3Key) -> ListedObject | None:
            async with gate:
                facts = await self._objects.head(key)
                return ListedObject(key, facts.size, facts.etag) if facts else None

        return {each.key: each for each in await asyncio.gather(*map(ask, keys)) if each}


def written(
    job: ImageJob, images: range, ended: Mapping[int, Outcome], there: Mapping[S3Key, ListedObject]
) -> Contents:
    """Return the contents, by what became of the images and which objects are there."""
    given, files, lines, gone = Names(), [], [], 0
    for index in images:
        outcome = ended.get(index)
        if outcome is None or outcome.code:
            lines.append(_failure(job, index, outcome))
            continue
        for output in outcome.outputs:
            name = given.give(
                outcome.name or job.item_name(index), index, output.variant, output.format.extension
            )
            facts = there.get(output.key)
            if facts is None:
                gone += 1
                lines.append(_line(job, index, name, Code.EXPIRED.value, meaning(Code.EXPIRED).sentence))
            else:
                files.append(File(name, output.key, facts.size, facts.etag))
    return Contents(tuple(files), "".join(lines), gone)


def _failure(job: ImageJob, index: int, outcome: Outcome | None) -> str:
    error = states.item_error(job, outcome) or {
        "code": NOT_DONE,
        "message": "The job was cancelled before this image was done.",
    }
    return _line(
        job, index, outcome.name if outcome else job.item_name(index), error["code"], error["message"]
    )


def _line(job: ImageJob, index: int, name: str, code: str, sentence: str) -> str:
    fields = (names.sub_job_id(job.key.name, index), name, code, sentence)
    return "\t".join(" ".join(each.split()) for each in fields) + "\n"
