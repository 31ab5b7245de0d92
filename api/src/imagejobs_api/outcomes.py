"""What became of a job's images, from wherever it is written: the status, the board, the result lines in S3. Only reads."""

from collections.abc import Iterable, Mapping

from imagejobs_api.live import LiveBoard
from imagejobs_contract import layout
from imagejobs_contract.errors import NotFound
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.ports import ObjectStore

MAX_SHARD_BYTES = 16 * 2**20
"""The lines of one shard: at most 5,000 images with some variants each, about 300 bytes a line."""


class Outcomes:
    """Finds outcomes."""

    def __init__(self, board: LiveBoard, objects: ObjectStore) -> None:
        self._board = board
        self._objects = objects

    async def one(self, job: ImageJob, index: int) -> Outcome | None:
        """Return how one image ended, or None if it did not yet."""
        return (await self._gather(job, [index])).get(index)

    async def all(self, job: ImageJob) -> Mapping[int, Outcome]:
        """Return how the images of a job ended that did. Meant for small jobs: all of it is held."""
        return await self._gather(job, range(job.spec.total))

    async def _gather(self, job: ImageJob, wanted: Iterable[int]) -> Mapping[int, Outcome]:
        found = {each.index: each for each in job.status.outcomes}
        missing = [index for index in wanted if index not in found]
        if missing:
            found = {**await self._board.outcomes(job.uid), **found}
            missing = [index for index in missing if index not in found]
        if missing and job.status.results_key:
            for shard in sorted({shard_of(job, index) for index in missing}):
                found = {**await self._in_results(job, shard), **found}
        return found

    async def _in_results(self, job: ImageJob, shard: int) -> Mapping[int, Outcome]:
        try:
            data, _ = await self._objects.get(layout.results(job.uid, shard), MAX_SHARD_BYTES)
        except NotFound:
            return {}
        return read_lines(data)


def shard_of(job: ImageJob, index: int) -> int:
    """Return which shard writes an image's outcome: the inverse of `shards.cut`; the pool's operator writes as shard 0."""
    shards = max(job.status.shards, 1)
    return ((index + 1) * shards - 1) // max(job.spec.total, 1)


def read_lines(data: bytes) -> Mapping[int, Outcome]:
    """Return the outcomes of a results file; of two lines for one image the later counts, a cut line is left out."""
    found = {}
    for line in data.splitlines():
        try:
            outcome = Outcome.from_line(line)
        except ValueError:
            continue
        found[outcome.index] = outcome
    return found
