"""What became of a job's images, from wherever it is written: the status, the board, the result lines in S3.

Only reads.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from imagejobs_api.view.live_board import LiveBoard
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.attempts import current_attempt
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import result_lines, s3_keys
from imagejobs_contract.wire.shards import MAX_RESULTS_BYTES, shard_of

MAX_SPAN = 5000
"""Images that are looked up at once: as many as one shard has at most."""


class Outcomes:
    """Finds outcomes."""

    def __init__(self, board: LiveBoard, objects: ObjectStore) -> None:
        self._board = board
        self._objects = objects

    async def one(self, job: ImageJob, index: int) -> Outcome | None:
        """Return how one image ended, or None if it did not yet."""
        return (await self._gather(job, [index])).get(index)

    async def each(self, job: ImageJob, wanted: Sequence[int]) -> Mapping[int, Outcome]:
        """Return how those of the wanted images ended that did, and no others."""
        found = await self._gather(job, wanted)
        return {index: found[index] for index in wanted if index in found}

    async def all(self, job: ImageJob) -> Mapping[int, Outcome]:
        """Return how the images of a job ended that did. Meant for small jobs: all of it is held."""
        return await self._gather(job, range(job.spec.total))

    async def some(self, job: ImageJob, wanted: range) -> Mapping[int, Outcome]:
        """Return how those of the wanted images ended that did; what else was found on the way stands there too."""
        return await self._gather(job, wanted)

    async def _gather(self, job: ImageJob, wanted: Iterable[int]) -> Mapping[int, Outcome]:
        found = standing(job, {each.index: each for each in job.status.outcomes})
        missing = [index for index in wanted if index not in found]
        if missing and job.spec.total <= limits.MAX_ITEMS:  # of larger jobs the board knows no outcomes
            found = {**standing(job, await self._board.outcomes(job.uid)), **found}
            missing = [index for index in missing if index not in found]
        if missing and (job.status.results_key or job.status.job_name):
            for shard in sorted({shard_of(index, job.spec.total, job.status.shards) for index in missing}):
                found = {**standing(job, await self._in_results(job, shard)), **found}
        return found

    async def _in_results(self, job: ImageJob, shard: int) -> Mapping[int, Outcome]:
        try:
            data, _ = await self._objects.get(s3_keys.results(job.uid, shard), MAX_RESULTS_BYTES)
        except NotFound:
            return {}
        # Tens of thousands of lines take a second to parse: others shall not wait for it.
        return await asyncio.to_thread(result_lines.read_lines, data)


def standing(job: ImageJob, outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
    """Return the outcomes that count in the attempt a job is in: its own, and successes of any."""
    attempt = current_attempt(job)
    return {index: each for index, each in outcomes.items() if each.counts_in(attempt)}


def spans(job: ImageJob) -> Iterator[range]:
    """Yield all images of a job in pieces that are cheap to look up one after the other: those of one shard."""
    total = job.spec.total
    pieces = max(job.status.shards, -(-total // MAX_SPAN), 1)
    for piece in range(pieces):
        yield range(total * piece // pieces, total * (piece + 1) // pieces)
