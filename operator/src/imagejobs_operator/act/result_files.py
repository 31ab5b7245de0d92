"""Reads and sums up outcome lines in S3, adds failed ones for missing images, and writes those of the pool.

Each reader holds one shard at a time, at most some tens of megabytes.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.outcome import Outcome, latest_by_image
from imagejobs_contract.model.receipt import sum_up
from imagejobs_contract.model.status import summarise_failures
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import result_lines, s3_keys
from imagejobs_contract.wire.manifests import split_lines
from imagejobs_contract.wire.shards import MAX_RESULTS_BYTES, Slice, read_offsets
from imagejobs_operator.decide.actions import FillMissing
from imagejobs_operator.decide.observed import Results

MAX_OFFSETS_BYTES = 2**20
MAX_PARALLEL_READS = 8


@dataclass(frozen=True, slots=True)
class ShardResults:
    """The outcomes in one shard's file, by index, and the version of the file ("" if there is none)."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class PartialResults:
    """The sum over the first shards of a job, when the next one could not be read.

    Attributes:
        attempt: In which the lines count.
        slices: What each shard holds.
        shards: Number of shards in the sum.
        ahead: What was read of some of the next shards (`MAX_PARALLEL_READS`), by shard.
    """

    attempt: int
    slices: Sequence[Slice]
    results: Results
    shards: int = 0
    ahead: Mapping[int, Mapping[int, Outcome]] = field(default_factory=dict)


class PartlyRead(Exception):
    """Raised when not all shards could be read.

    Attributes:
        partial: The sum of those that were.
    """

    def __init__(self, partial: PartialResults) -> None:
        self.partial = partial
        super().__init__(f"{partial.shards} of {len(partial.slices)} shards were read")


async def collect(
    objects: ObjectStore, job: ImageJob, attempt: int, before: PartialResults | None = None
) -> Results:
    """Read all outcome lines of a job and sum up those that count in an attempt.

    Args:
        objects: Where they lie.
        job: Whose they are.
        attempt: In which they count.
        before: Of the try before, if no line has changed since then.

    Raises:
        PartlyRead: From the `ImageJobsError` that ended it, after a part was read.
        Unavailable: S3 does not answer.
    """
    partial = before if before and before.attempt == attempt else await _begin(objects, job, attempt)
    shards = list(enumerate(partial.slices or [Slice(0, 0, 0, job.spec.total)]))
    while some := shards[partial.shards : partial.shards + MAX_PARALLEL_READS]:
        parts = dict(partial.ahead)
        absent = [(shard, own) for shard, own in some if shard not in parts]
        reads = (_read_current(objects, job, attempt, shard, own) for shard, own in absent)
        fault: BaseException | None = None
        for (shard, _), part in zip(
            absent, await asyncio.gather(*reads, return_exceptions=True), strict=True
        ):
            if isinstance(part, BaseException):
                fault = fault or part
            else:
                parts[shard] = part
        if fault:
            raise PartlyRead(replace(partial, ahead=parts)) from fault
        results = partial.results
        for shard, own in some:
            keep = job.spec.total <= limits.MAX_ITEMS
            results = _add_shard(results, shard, own, parts[shard], attempt, keep=keep)
        partial = replace(partial, results=results, shards=partial.shards + len(some), ahead={})
    return partial.results


async def _begin(objects: ObjectStore, job: ImageJob, attempt: int) -> PartialResults:
    slices = await _read_slices(objects, job.uid)
    return PartialResults(attempt, slices, Results(Counts(job.spec.total), prepared=bool(slices)))


async def fill(objects: ObjectStore, job: ImageJob, action: FillMissing) -> None:
    """Add a failed outcome for each image that has none in the attempt.

    Raises:
        Conflict: A pod still writes. It was asked to stop, so a later try succeeds.
        Unavailable: S3 does not answer.
    """
    for shard, own in enumerate(await _read_slices(objects, job.uid)):
        lines = await _read_shard(objects, job.uid, shard)
        known = latest_by_image(lines.outcomes.values(), action.attempt, job.spec.retry_codes)
        absent = [index for index in range(own.first, own.first + own.count) if index not in known]
        if not absent:
            continue
        item_names = await _read_names(objects, job.uid, own)
        code = action.codes.get(shard, action.code)
        added = {
            index: Outcome(index, item_names.get(index, ""), action.attempt, code, action.message)
            for index in absent
        }
        await _put(objects, job.uid, shard, (lines.outcomes | added).values(), lines.etag)


async def write(objects: ObjectStore, uid: Uid, outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes of a pool job; they replace an earlier file.

    Raises:
        Unavailable: S3 does not answer.
    """
    await _put(objects, uid, 0, outcomes, None)


async def drain(objects: ObjectStore, job: ImageJob, shards: int) -> AsyncIterator[Sequence[Outcome]]:
    """Yield all recorded outcomes of a job that is being deleted: of its status, then of a shard at a time.

    The file of a shard is deleted when the next one is asked for. So a deletion that takes longer than one
    reconcile, as that of a million outputs may, goes on where it was.
    """
    yield job.status.outcomes
    for shard in range(shards):
        yield list((await _read_shard(objects, job.uid, shard)).outcomes.values())
        await objects.delete([s3_keys.results(job.uid, shard)])


async def _read_slices(objects: ObjectStore, uid: Uid) -> list[Slice]:
    try:
        return read_offsets((await objects.get(s3_keys.offsets(uid), MAX_OFFSETS_BYTES))[0])
    except NotFound:
        return []


async def _read_current(
    objects: ObjectStore, job: ImageJob, attempt: int, shard: int, own: Slice
) -> dict[int, Outcome]:
    lines = await _read_shard(objects, job.uid, shard)
    mine = (
        outcome for outcome in lines.outcomes.values() if own.first <= outcome.index < own.first + own.count
    )
    return latest_by_image(mine, attempt, job.spec.retry_codes)


async def _read_shard(objects: ObjectStore, uid: Uid, shard: int) -> ShardResults:
    try:
        data, etag = await objects.get(s3_keys.results(uid, shard), MAX_RESULTS_BYTES)
    except NotFound:
        return ShardResults()
    # Tens of thousands of lines take a second to parse; in a thread, the loop does not wait for it.
    return ShardResults(await asyncio.to_thread(result_lines.read_lines, data), etag)


def _add_shard(
    results: Results, shard: int, own: Slice, part: Mapping[int, Outcome], attempt: int, *, keep: bool
) -> Results:
    receipt = sum_up(part.values())
    succeeded = sum(outcome.succeeded for outcome in part.values())
    failures, codes = summarise_failures(part.values())
    before, missing = results.counts, own.count - len(part)
    return Results(
        counts=Counts(before.total, 0, before.succeeded + succeeded, before.failed + len(part) - succeeded),
        prepared=results.prepared,
        missing={**results.missing, shard: missing} if missing else results.missing,
        failures=(*results.failures, *failures)[: limits.MAX_STATUS_FAILURES],
        failure_codes=tuple(sorted({*results.failure_codes, *codes})),
        bytes_in=results.bytes_in + receipt.bytes_in,
        bytes_out=results.bytes_out + receipt.bytes_out,
        cpu_milliseconds=results.cpu_milliseconds + receipt.cpu_milliseconds,
        attempt_receipt=results.attempt_receipt
        + sum_up(each for each in part.values() if each.attempt == attempt),
        outcomes={**results.outcomes, **part} if keep else {},
    )


async def _read_names(objects: ObjectStore, uid: Uid, own: Slice) -> dict[int, str]:
    lines = split_lines(await objects.get_range(s3_keys.manifest(uid), own.start, own.end))
    return {index: _parse_name(line) for index, line in enumerate(lines, own.first)}


def _parse_name(line: bytes) -> str:
    try:
        return str(json.loads(line).get("name", ""))[: limits.MAX_NAME_LENGTH]
    except (ValueError, AttributeError, RecursionError):
        return ""


async def _put(
    objects: ObjectStore, uid: Uid, shard: int, outcomes: Iterable[Outcome], only_if: str | None
) -> None:
    data = result_lines.write_lines(outcomes)
    await objects.put(
        s3_keys.results(uid, shard), data, content_type=result_lines.CONTENT_TYPE, only_if=only_if
    )
