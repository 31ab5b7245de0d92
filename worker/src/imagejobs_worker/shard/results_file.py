"""The outcomes of a shard and their file `results/<shard>.jsonl`, which only the pod that holds its latest version may write.

Each checkpoint writes the whole file over the version that was read or written last (If-Match). A version
that is not ours means that another pod works on the shard: we stop. So two pods with one index leave one
result, and one that was away for long overwrites nothing. The first one is written only while the job's own
files are there: those of a job that was deleted are gone for good.
"""

import asyncio
import hashlib
from collections.abc import Iterable

from imagejobs_contract.errors import Conflict, NotFound
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import result_lines, s3_keys
from imagejobs_contract.wire.shards import MAX_RESULTS_BYTES
from imagejobs_worker.image.store import Disowned


class Ledger:
    """A shard's outcomes; at most one per image, the latest.

    Args:
        objects: Where the file lies.
        uid: Of the job.
        shard: Which one.
        attempt: The job's attempt: failures of earlier ones are to be worked on again.
    """

    def __init__(self, objects: ObjectStore, uid: Uid, shard: int, attempt: int) -> None:
        self._objects = objects
        self._uid = uid
        self._key = s3_keys.results(uid, shard)
        self._attempt = attempt
        self._outcomes: dict[int, Outcome] = {}
        self._etag = ""
        self._unanswered: set[bytes] = set()
        self._saved = True
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, objects: ObjectStore, uid: Uid, shard: int, attempt: int) -> "Ledger":
        """Read what earlier pods wrote; lines that make no sense are left out."""
        ledger = cls(objects, uid, shard, attempt)
        try:
            data, ledger._etag = await objects.get(ledger._key, MAX_RESULTS_BYTES)
        except NotFound:
            return ledger
        ledger._outcomes = result_lines.read_lines(data)
        return ledger

    @property
    def ended(self) -> list[Outcome]:
        """Return the outcomes that stand, oldest first: successes, and failures of this attempt."""
        return [each for each in self._outcomes.values() if each.counts_in(self._attempt)]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Note outcomes, to be written with the next checkpoint."""
        for outcome in outcomes:
            # Taken out first, so that the newest stands last.
            self._outcomes.pop(outcome.index, None)
            self._outcomes[outcome.index] = outcome
            self._saved = False

    async def save(self) -> None:
        """Write the file if anything was added.

        Raises:
            Disowned: Another pod wrote it, or the job was deleted.
            Unavailable: S3 does not answer; the next call writes all of it.
        """
        async with self._writing:
            while not self._saved:
                self._saved = True
                try:
                    await self._write(result_lines.write_lines(self._outcomes.values()))
                except BaseException:
                    self._saved = False
                    raise

    async def holds(self) -> bool:
        """Tell that a result may be created: who takes a shard from a pod waits until the pod is gone.

        Implements `store.Claim`.
        """
        return True

    async def owned(self) -> bool:
        """Tell whether nobody else wrote the file since we did."""
        async with self._writing:
            facts = await self._objects.head(self._key)
            return (facts.etag if facts else "") == self._etag

    async def _write(self, data: bytes) -> None:
        if not self._etag and await self._objects.head(s3_keys.spec(self._uid)) is None:
            raise Disowned("the job's files are gone")
        self._unanswered.add(_digest(data))
        try:
            self._etag = await self._put(data)
        except Conflict:
            self._etag = await self._own_version()
            self._etag = await self._put(data)
        self._unanswered.clear()

    async def _put(self, data: bytes) -> str:
        return await self._objects.put(
            self._key, data, content_type=result_lines.CONTENT_TYPE, only_if=self._etag
        )

    async def _own_version(self) -> str:
        """Return the ETag of what lies there if we sent it and only the answer was lost."""
        try:
            there, etag = await self._objects.get(self._key, MAX_RESULTS_BYTES)
        except NotFound as ex:
            raise Disowned("the results file is gone") from ex
        if _digest(there) not in self._unanswered:
            raise Disowned("another pod writes the results file")
        return etag


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
