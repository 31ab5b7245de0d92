"""The outcomes of a job's images, read from the job's status, the board and the results files in S3.

Only reads.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from imagejobs_api.view.live_board import BoardWithBreaker
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.attempts import current_attempt
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import result_lines, s3_keys
from imagejobs_contract.wire.shards import MAX_RESULTS_BYTES, shard_of

MAX_SPAN_IMAGES = 5000
"""Images that one lookup covers: the largest shard."""


class Outcomes:
    """Finds outcomes: first in the status, then on the board, last in the results files in S3.

    Used by the resources that show images; keeps nothing between calls. Lives as long as the app.
    """

    def __init__(self, board: BoardWithBreaker, objects: ObjectStore) -> None:
        self._board = board
        self._objects = objects

    async def get(self, job: ImageJob, index: int) -> Outcome | None:
        """Return the outcome of one image, or None if it has not finished."""
        return (await self._find(job, [index])).get(index)

    async def get_many(self, job: ImageJob, wanted: Sequence[int]) -> Mapping[int, Outcome]:
        """Return the known outcomes of these images, and no others."""
        found = await self._find(job, wanted)
        return {index: found[index] for index in wanted if index in found}

    async def get_all(self, job: ImageJob) -> Mapping[int, Outcome]:
        """Return all known outcomes of a job. For small jobs only: all of them are in memory at once."""
        return await self._find(job, range(job.spec.total))

    async def get_range(self, job: ImageJob, wanted: range) -> Mapping[int, Outcome]:
        """Return the known outcomes in this range; may contain others."""
        return await self._find(job, wanted)

    async def _find(self, job: ImageJob, wanted: Iterable[int]) -> Mapping[int, Outcome]:
        found = standing(job, {each.index: each for each in job.status.outcomes})
        missing = [index for index in wanted if index not in found]
        if missing and job.spec.total <= limits.MAX_ITEMS:  # the board keeps no outcomes of larger jobs
            found = {**standing(job, await self._board.outcomes(job.uid)), **found}
            missing = [index for index in missing if index not in found]
        if missing and (job.status.results_key or job.status.job_name):
            for shard in sorted({shard_of(index, job.spec.total, job.status.shards) for index in missing}):
                found = {**standing(job, await self._read_results(job, shard)), **found}
        return found if job.made_by_api else {index: _with_own(job, each) for index, each in found.items()}

    async def _read_results(self, job: ImageJob, shard: int) -> Mapping[int, Outcome]:
        try:
            data, _ = await self._objects.get(s3_keys.results(job.uid, shard), MAX_RESULTS_BYTES)
        except NotFound:
            return {}
        # Tens of thousands of lines take a second to parse: a thread keeps other requests from waiting.
        return await asyncio.to_thread(result_lines.read_lines, data)


def standing(job: ImageJob, outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
    """Return the outcomes that count in the attempt a job is in: its own, successes of any, kept failures."""
    attempt, codes = current_attempt(job), job.spec.retry_codes
    return {index: each for index, each in outcomes.items() if each.counts_in(attempt, codes)}


def _with_own(job: ImageJob, outcome: Outcome) -> Outcome:
    """Return the outcome without outputs that lie elsewhere than the job's.

    Pods in a namespace may hold credentials of Redis and of `jobs/`, and whoever reads them could write an
    outcome that names another's file. Links are signed with credentials that may read all.
    """
    folders = tuple(f"{each.rstrip('/')}/" for each in job.prefixes)
    own = tuple(each for each in outcome.outputs if each.key.startswith(folders))
    return outcome if own == outcome.outputs else replace(outcome, outputs=own)


def spans(job: ImageJob) -> Iterator[range]:
    """Yield all images of a job in ranges that are cheap to read one after the other: one shard each."""
    total = job.spec.total
    pieces = max(job.status.shards, -(-total // MAX_SPAN_IMAGES), 1)
    for piece in range(pieces):
        yield range(total * piece // pieces, total * (piece + 1) // pieces)
