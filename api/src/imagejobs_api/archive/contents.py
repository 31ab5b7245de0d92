"""What an archive of a job holds: known as a whole before its first byte is sent. Only reads.

What was deleted since is found by looking through the outputs' prefix, and is told in the archive rather than
left out in silence.
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
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ListedObject, ObjectStore

MAX_FOREIGN_OBJECTS = 10_000
"""Objects of others under the prefix that are passed over, before the job's own are asked for one by one."""
MAX_CONCURRENT_HEADS = 16
"""Objects that are asked for at once."""
NOT_DONE = "not_done"
"""Stands where a code does, of images that a cancelled job never came to."""


@dataclass(frozen=True, slots=True)
class File:
    """An output in the archive: its name there, where it lies in S3, and which version is meant."""

    name: str
    key: str
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


class ContentsReader:
    """Finds out what an archive holds."""

    def __init__(self, outcomes: Outcomes, objects: ObjectStore) -> None:
        self._outcomes = outcomes
        self._objects = objects

    async def read(self, job: ImageJob, images: range) -> Contents:
        """Return what an archive of these images holds, in their order."""
        ended = await self._read_outcomes(job, images)
        keys = frozenset(output.key for each in ended.values() for output in each.outputs)
        there = await self._find_objects(f"{job.prefix.rstrip('/')}/", keys) if keys else {}
        return await asyncio.to_thread(build_contents, job, images, ended, there)

    async def _read_outcomes(self, job: ImageJob, images: range) -> Mapping[int, Outcome]:
        found: dict[int, Outcome] = {}
        for span in outcomes.spans(job):
            wanted = range(max(span.start, images.start), min(span.stop, images.stop))
            if wanted:
                found |= await self._outcomes.get_many(job, wanted)
        return found

    async def _find_objects(self, prefix: str, keys: frozenset[str]) -> Mapping[str, ListedObject]:
        found: dict[str, ListedObject] = {}
        strangers = 0
        async with aclosing(self._objects.list(prefix)) as pages:
            async for page in pages:
                own = {each.key: each for each in page if each.key in keys}
                found |= own
                strangers += len(page) - len(own)
                if len(found) == len(keys):
                    return found
                if strangers > MAX_FOREIGN_OBJECTS:
                    return found | await self._head_each(keys - found.keys())
        return found

    async def _head_each(self, keys: Iterable[str]) -> dict[str, ListedObject]:
        gate = asyncio.Semaphore(MAX_CONCURRENT_HEADS)

        async def ask(key: str) -> ListedObject | None:
            async with gate:
                facts = await self._objects.head(key)
                return ListedObject(key, facts.size, facts.etag) if facts else None

        return {each.key: each for each in await asyncio.gather(*map(ask, keys)) if each}


def build_contents(
    job: ImageJob, images: range, ended: Mapping[int, Outcome], there: Mapping[str, ListedObject]
) -> Contents:
    """Return the contents, by what became of the images and which objects are there."""
    given, files, lines, gone = MemberNames(), [], [], 0
    for index in images:
        outcome = ended.get(index)
        if outcome is None or outcome.code:
            lines.append(_failure_line(job, index, outcome))
            continue
        for output in outcome.outputs:
            name = given.assign(
                outcome.name or job.item_name(index), index, output.variant, output.format.extension
            )
            facts = there.get(output.key)
            if facts is None:
                gone += 1
                lines.append(_line(job, index, name, Code.EXPIRED.value, meaning(Code.EXPIRED).sentence))
            else:
                files.append(File(name, output.key, facts.size, facts.etag))
    return Contents(tuple(files), "".join(lines), gone)


def _failure_line(job: ImageJob, index: int, outcome: Outcome | None) -> str:
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
