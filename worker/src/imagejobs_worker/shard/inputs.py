"""Reads a shard's inputs from S3, as the operator wrote them: the spec and its slice of the manifest."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import NotFound, TooLarge
from imagejobs_contract.model.items import Item, read_line
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.manifests import split_lines
from imagejobs_contract.wire.shards import MAX_SPEC_BYTES, Slice, Work, read_offsets
from imagejobs_contract.wire.source_prefixes import NOT_PLAIN, is_plain, may_read
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.shard.shard_key import ShardKey


class InputUnreadable(Exception):
    """Raised when a shard's input is missing or malformed; a retry does not help."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The work of a shard.

    Attributes:
        total: Images of the whole job.
        count: Images of this shard.
        tasks: Those whose line can be read.
        bad: The outcomes of the others.
    """

    total: int
    count: int
    tasks: tuple[Task, ...]
    bad: tuple[Outcome, ...]


async def read_inputs(objects: ObjectStore, key: ShardKey) -> Inputs:
    """Read a shard's inputs, in two round trips.

    Raises:
        InputUnreadable: An input is missing, or malformed as a whole.
        Misconfigured: The bucket itself is missing, or closed to us.
        Unavailable: S3 does not answer.
    """
    try:
        (spec, _), (offsets, _) = await asyncio.gather(
            objects.get(s3_keys.spec(key.uid), MAX_SPEC_BYTES),
            objects.get(s3_keys.offsets(key.uid), MAX_SPEC_BYTES),
        )
        work, own = Work.from_json(spec), read_offsets(offsets)[key.shard]
        lines = split_lines(await objects.get_range(s3_keys.manifest(key.uid), own.start, own.end))
    except NotFound as ex:
        await objects.check()
        raise InputUnreadable(ex.message) from ex
    except (TooLarge, ValueError, IndexError) as ex:
        raise InputUnreadable(f"{type(ex).__name__}: {ex}") from ex
    return _read_tasks(key, work, own, lines)


def _read_tasks(key: ShardKey, work: Work, own: Slice, lines: Sequence[bytes]) -> Inputs:
    if len(lines) != own.count:
        raise InputUnreadable(f"{len(lines)} lines in a slice of {own.count}")
    tasks, bad = [], []
    for index, line in enumerate(lines, own.first):
        item = read_line(line)
        if not isinstance(item, Item):
            bad.append(Outcome(index, "", key.attempt, Code.INVALID_OPTIONS, item))
        elif item.key is not None and work.sources is not None and not may_read(item.key, work.sources):
            # The caller could change the list between an earlier check and the operator's copy of it, so each
            # key of the copy is checked here.
            bad.append(
                Outcome(
                    index,
                    item.name,
                    key.attempt,
                    Code.SOURCE_FORBIDDEN,
                    "the caller of this job may not read that key" if is_plain(item.key) else NOT_PLAIN,
                )
            )
        else:
            tasks.append(_make_task(key, work, index, item))
    return Inputs(work.total, own.count, tuple(tasks), tuple(bad))


def _make_task(key: ShardKey, work: Work, index: int, item: Item) -> Task:
    """Return a task; its span is a child of the shard's span, so it carries no traceparent."""
    return Task(
        key.job, key.uid, index, item, work.variants, work.prefix, key.attempt, work.attempts,
        work.cache_control, caller=key.caller, origin=replace(key.origin, traceparent=""),
    )  # fmt: skip
