"""The sources of a job's failed images, as far as the job may read them, for an archive. Only reads."""

import asyncio
from collections.abc import Mapping

from imagejobs_api.archive.contents import Contents, File, missing_line
from imagejobs_api.archive.member_names import MemberNames
from imagejobs_api.view import job_sources, outcomes, states
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import TooLarge
from imagejobs_contract.files.manifest_items import read_items
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.storage import ObjectFacts, ObjectStore
from imagejobs_contract.wire import sniff

MAX_SOURCES = 5000
"""Failed images in one archive: each is asked for by HEAD."""
MAX_CONCURRENT_HEADS = 16
IS_URL = "is_url"
NOT_KEPT = "not_kept"
"""In place of an error code, for sources that are not in the archive."""


class FailedSources:
    """Reads which sources of a job failed, and where they lie; lives as long as the app.

    Args:
        max_file_bytes: A larger upload was cut there.
    """

    def __init__(self, outcomes: Outcomes, objects: ObjectStore, max_file_bytes: int) -> None:
        self._outcomes = outcomes
        self._objects = objects
        self._max_file_bytes = max_file_bytes

    async def read(self, job: ImageJob, images: range) -> Contents:
        """Return the contents of an archive of the failed ones of these images.

        Raises:
            TooLarge: There are more than `MAX_SOURCES`.
        """
        failed = await self._read_failures(job, images)
        items = await self._read_items(job, failed)
        keys = {
            index: item.key
            for index, item in items.items()
            if item.key and job_sources.may_read(job, item.key)
        }
        facts = await self._head_each(keys)
        member_names, files, lines = MemberNames(), [], []
        for index, outcome in failed.items():
            item, name = items.get(index), (outcome.name if outcome else "") or job.item_name(index)
            found = facts.get(index)
            if found and not self._is_cut(job, keys[index], found, outcome):
                files.append(
                    File(member_names.assign_source(name, index), keys[index], found.size, found.etag)
                )
            else:
                lines.append(missing_line(job, index, name, *_explain(item, keys.get(index), found)))
        return Contents(tuple(files), "".join(lines), gone=len(lines))

    async def _read_failures(self, job: ImageJob, images: range) -> dict[int, Outcome | None]:
        failed: dict[int, Outcome | None] = {}
        for span in outcomes.spans(job):
            part = range(max(span.start, images.start), min(span.stop, images.stop))
            known = await self._outcomes.get_range(job, part) if part else {}
            for index in part:
                if states.item_state(job, known.get(index)) is State.FAILED:
                    failed[index] = known.get(index)
            if len(failed) > MAX_SOURCES:
                raise TooLarge
        return failed

    async def _read_items(self, job: ImageJob, failed: Mapping[int, object]) -> Mapping[int, Item]:
        if job.spec.manifest is None:
            return {index: job.spec.items[index] for index in failed}
        if not job_sources.may_read(job, job.spec.manifest.key):
            return {}
        return await read_items(self._objects, job.spec.manifest.key, failed)

    async def _head_each(self, keys: Mapping[int, S3Key]) -> Mapping[int, ObjectFacts]:
        slots = asyncio.Semaphore(MAX_CONCURRENT_HEADS)

        async def head(key: S3Key) -> ObjectFacts | None:
            async with slots:
                return await self._objects.head(key)

        found = await asyncio.gather(*map(head, keys.values()))
        return {index: facts for index, facts in zip(keys, found, strict=True) if facts}

    def _is_cut(self, job: ImageJob, key: S3Key, facts: ObjectFacts, outcome: Outcome | None) -> bool:
        """Return whether only the first bytes of an upload were kept (ADR 4)."""
        if outcome is None or not key.startswith(job_sources.uploads_prefix(job) or "/"):
            return False
        if outcome.code in (Code.NOT_AN_IMAGE, Code.UNSUPPORTED_FORMAT):
            return facts.size >= sniff.HEAD_BYTES
        return outcome.code is Code.FILE_TOO_LARGE and facts.size > self._max_file_bytes


def _explain(item: Item | None, key: S3Key | None, facts: ObjectFacts | None) -> tuple[str, str]:
    if item and item.url:
        return IS_URL, f"The source is a URL: {item.url}"
    if facts:
        return NOT_KEPT, "Only the first bytes of this file were kept."
    code = Code.SOURCE_NOT_FOUND if key else Code.SOURCE_FORBIDDEN
    return code.value, meaning(code).sentence
