"""Begins a shard's first reads while Python still loads the rest of the worker: its inputs, what earlier pods did, the source of its first image.

Waiting for S3 takes no interpreter, so that it is over when the shard asks. A read is handed to whoever asks
for it first, its error too.
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

Read = tuple[bytes, str]
"""An object, or the asked part of it, and its ETag."""


class HeadStart:
    """The reads of one shard, each in a thread of its own.

    Args:
        settings: Where to read.
        key: Which shard.
        max_source_bytes: The largest source, in bytes; 0 if sources may lie elsewhere, and are not to be read
            here.

    Attributes:
        store: With connections that are open already.
    """

    def __init__(self, settings: S3Settings, key: ShardKey, max_source_bytes: int) -> None:
        self.store = open_store(settings)
        self._max_source_bytes = max_source_bytes
        self._reads: dict[str, Future[Read]] = {}
        offsets, results = s3_keys.offsets(key.uid), s3_keys.results(key.uid, key.shard)
        begun = self._begin(offsets, lambda: self._whole(offsets, shards.MAX_SPEC_BYTES))
        earlier = self._begin(results, lambda: self._whole(results, shards.MAX_RESULTS_BYTES))
        self._begin(s3_keys.spec(key.uid), lambda: self._whole(s3_keys.spec(key.uid), shards.MAX_SPEC_BYTES))
        self._begin(s3_keys.manifest(key.uid), lambda: self._items(key, begun, earlier))

    def taken(self, key: S3Key) -> Future[Read] | None:
        """Return the read of a key, once, or None if none was begun."""
        return self._reads.pop(key, None)

    def _begin(self, key: S3Key, read: Callable[[], Read]) -> Future[Read]:
        future: Future[Read] = Future()
        future.set_running_or_notify_cancel()  # who waits may be cancelled, the read is not
        self._reads[key] = future
        Thread(target=_settle, args=(future, read), daemon=True).start()
        return future

    def _whole(self, key: S3Key, max_bytes: int) -> Read:
        return read_object(self.store, key, max_bytes)

    def _items(self, key: ShardKey, offsets: Future[Read], earlier: Future[Read]) -> Read:
        """Read the shard's part of the manifest, and begin with its first source unless an earlier pod may have been there."""
        own = shards.read_offsets(offsets.result()[0])[key.shard]
        lines = read_range(self.store, s3_keys.manifest(key.uid), own.start, own.end)
        if self._max_source_bytes and isinstance(earlier.exception(), NotFound):
            self._begin_source(read_line(lines.lstrip().partition(b"\n")[0]))
        return lines, ""

    def _begin_source(self, item: Item | str) -> None:
        """Whether the job's caller may read the key is for whoever asks for it."""
        if isinstance(item, Item) and (key := item.key):
            self._begin(key, lambda: self._whole(key, self._max_source_bytes))


def _settle(future: Future[Read], read: Callable[[], Read]) -> None:
    try:
        future.set_result(read())
    except BaseException as ex:  # noqa: BLE001 - it is theirs who ask
        future.set_exception(ex)
