"""The outcomes of a shard and their file `results/<shard>.jsonl`, written only over its latest version.

Each checkpoint writes the whole file over the version that was read or written last (If-Match). A version
that is not ours means that another pod works on the shard: we stop. So two pods with one index leave one
result, and one that was away for long overwrites nothing. The first version is written only while the job's
own files are there: those of a job that was deleted are gone for good.
"""

import asyncio
import hashlib
from collections.abc import Collection, Iterable

from imagejobs_contract.errors import Conflict, NotFound
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import result_lines, s3_keys, shards
from imagejobs_worker.image.store import OwnershipLost


class ResultsFile:
    """A shard's outcomes, at most one per image, the latest; implements `store.Ownership`.

    Args:
        objects: Holds the file.
        uid: Of the job.
        shard: Index of the shard.
        attempt: The job's attempt: images that failed in earlier ones are done again.
        retry_codes: Only those that failed with these codes; none for all.
    """

    def __init__(
        self,
        objects: ObjectStore,
        uid: Uid,
        shard: int,
        attempt: int,
        retry_codes: Collection[str] = (),
    ) -> None:
        self._objects = objects
        self._uid = uid
        self._key = s3_keys.results(uid, shard)
        self._attempt = attempt
        self._retry_codes = retry_codes
        self._outcomes: dict[int, Outcome] = {}
        self._etag = ""
        self._unconfirmed: set[bytes] = set()
        self._saved = True
        self._writing = asyncio.Lock()

    @classmethod
    async def open(
        cls, objects: ObjectStore, uid: Uid, shard: int, attempt: int, retry_codes: Collection[str] = ()
    ) -> "ResultsFile":
        """Read the outcomes that earlier pods wrote; skip malformed lines."""
        file = cls(objects, uid, shard, attempt, retry_codes)
        try:
            data, file._etag = await objects.get(file._key, shards.MAX_RESULTS_BYTES)
        except NotFound:
            return file
        file._outcomes = result_lines.read_lines(data)
        return file

    @property
    def ended(self) -> list[Outcome]:
        """Return the outcomes that stand, oldest first: successes, and failures that are not done again."""
        attempt, codes = self._attempt, self._retry_codes
        return [each for each in self._outcomes.values() if each.counts_in(attempt, codes)]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes; the next checkpoint writes them."""
        for outcome in outcomes:
            # Removed first, so that the newest is last.
            self._outcomes.pop(outcome.index, None)
            self._outcomes[outcome.index] = outcome
            self._saved = False

    async def save(self) -> None:
        """Write the file if outcomes were added.

        Raises:
            OwnershipLost: Another pod wrote it, or the job was deleted.
            Unavailable: S3 does not answer; the next call writes everything.
        """
        async with self._writing:
            while not self._saved:
                self._saved = True
                try:
                    await self._write(result_lines.write_lines(self._outcomes.values()))
                except BaseException:
                    self._saved = False
                    raise

    async def may_create(self) -> bool:
        """Return True: a shard is taken from a pod by ending the pod, and the operator waits for its end."""
        return True

    async def verify_ownership(self) -> bool:
        """Ask S3 whether the file is still the version that we wrote last."""
        async with self._writing:
            facts = await self._objects.head(self._key)
            return (facts.etag if facts else "") == self._etag

    async def _write(self, data: bytes) -> None:
        if not self._etag and await self._objects.head(s3_keys.spec(self._uid)) is None:
            raise OwnershipLost("the job's files are gone")
        self._unconfirmed.add(_digest(data))
        try:
            self._etag = await self._put(data)
        except Conflict:
            self._etag = await self._etag_if_ours()
            self._etag = await self._put(data)
        self._unconfirmed.clear()

    async def _put(self, data: bytes) -> str:
        return await self._objects.put(
            self._key, data, content_type=result_lines.CONTENT_TYPE, only_if=self._etag
        )

    async def _etag_if_ours(self) -> str:
        """Return the ETag of the version in S3 if we wrote it and only the answer was lost.

        Raises:
            OwnershipLost: Another pod wrote it, or it is gone.
        """
        try:
            there, etag = await self._objects.get(self._key, shards.MAX_RESULTS_BYTES)
        except NotFound as ex:
            raise OwnershipLost("the results file is gone") from ex
        if _digest(there) not in self._unconfirmed:
            raise OwnershipLost("another pod writes the results file")
        return etag


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
