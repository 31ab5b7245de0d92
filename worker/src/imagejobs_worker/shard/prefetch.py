"""Begins a shard's first reads while Python still loads the rest of the worker.

These are its inputs, the results of earlier pods, and the source of its first image. A read that waits for S3
does not need the interpreter, so it is done when the shard asks. A read, or its error, is handed to the first
caller that asks for its key. `prefetched_objects` hands them out; it is a module of its own because it needs
asyncio, which is not loaded yet when the reads begin.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model.items import Item, read_line
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.blocking_reads import read_object, read_range
from imagejobs_contract.s3.client import open_store
from imagejobs_contract.wire import s3_keys, shards
from imagejobs_worker.shard.shard_key import ShardKey

ReadResult = tuple[bytes, str]
"""An object, or the part of it that was asked for, and its ETag."""


class Prefetch:
    """The reads of one shard, each in a thread of its own.

    Args:
        settings: Where to read.
        key: Which shard.
        max_source_bytes: The largest source, in bytes; 0 if sources may lie elsewhere and are not to be read
            here.

    Attributes:
        store: A store whose connections are open already.
    """

    def __init__(self, settings: S3Settings, key: ShardKey, max_source_bytes: int) -> None:
        self.store = open_store(settings)
        self._max_source_bytes = max_source_bytes
        self._reads: dict[str, Future[ReadResult]] = {}
        spec, offsets = s3_keys.spec(key.uid), s3_keys.offsets(key.uid)
        results = s3_keys.results(key.uid, key.shard)
        offsets_read = self._start_read(offsets, lambda: self._read_object(offsets, shards.MAX_SPEC_BYTES))
        results_read = self._start_read(results, lambda: self._read_object(results, shards.MAX_RESULTS_BYTES))
        self._start_read(spec, lambda: self._read_object(spec, shards.MAX_SPEC_BYTES))
        self._start_read(
            s3_keys.manifest(key.uid), lambda: self._read_manifest_slice(key, offsets_read, results_read)
        )

    def take(self, key: S3Key) -> Future[ReadResult] | None:
        """Return the read of a key, once, or None if none was begun."""
        return self._reads.pop(key, None)

    def _start_read(self, key: S3Key, read: Callable[[], ReadResult]) -> Future[ReadResult]:
        future: Future[ReadResult] = Future()
        future.set_running_or_notify_cancel()  # a caller that waits may be cancelled, the read is not
        self._reads[key] = future
        Thread(target=_settle, args=(future, read), daemon=True).start()
        return future

    def _read_object(self, key: S3Key, max_bytes: int) -> ReadResult:
        return read_object(self.store, key, max_bytes)

    def _read_manifest_slice(
        self, key: ShardKey, offsets: Future[ReadResult], earlier: Future[ReadResult]
    ) -> ReadResult:
        """Read the shard's slice of the manifest, then begin to read its first source.

        Not if an earlier pod left results: it may have done the first image.
        """
        own = shards.read_offsets(offsets.result()[0])[key.shard]
        lines = read_range(self.store, s3_keys.manifest(key.uid), own.start, own.end)
        if self._max_source_bytes and isinstance(earlier.exception(), NotFound):
            self._prefetch_source(read_line(lines.lstrip().partition(b"\n")[0]))
        return lines, ""

    def _prefetch_source(self, item: Item | str) -> None:
        """Start reading the first image. The caller's right to the key is checked later, by `inputs`."""
        if isinstance(item, Item) and (key := item.key):
            self._start_read(key, lambda: self._read_object(key, self._max_source_bytes))


def _settle(future: Future[ReadResult], read: Callable[[], ReadResult]) -> None:
    try:
        future.set_result(read())
    except BaseException as ex:  # noqa: BLE001 - raised to the caller that asks for the key
        future.set_exception(ex)
