"""The object store on S3, over the endpoint for I/O; `signer.py` makes links for clients.

Keys with empty, `.` or `..` parts cannot be addressed: no object is found there.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import obstore
from obstore.exceptions import InvalidPathError
from obstore.store import S3Store

from imagejobs_contract.errors import Conflict, NotFound, TooLarge, Unavailable
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.output_names import JOBS
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.client import is_addressable, open_store, s3_errors
from imagejobs_contract.s3.streaming_put import put_parts
from imagejobs_contract.storage import ListedObject, ObjectFacts

CHECK_SECONDS = 5.0
CHECK_KEY = f"{JOBS}readiness"
MAX_KEYS_PER_REQUEST = 1000
"""Of a listing and of a deletion; S3 allows no more."""
_HEADERS = frozenset(
    {"Content-Type", "Content-Disposition", "Content-Encoding", "Content-Language", "Cache-Control"}
)
"""Attributes that are not a user's metadata."""


class S3Objects:
    """Implements `storage.ObjectStore`."""

    def __init__(self, settings: S3Settings, store: S3Store | None = None) -> None:
        """Nothing is sent before the first call.

        Args:
            settings: Of the bucket.
            store: One that was opened with them before.
        """
        self._store = store or open_store(settings)
        self._settings = settings

    @classmethod
    def from_settings(cls, settings: S3Settings) -> "S3Objects":
        """Return the store of a bucket."""
        return cls(settings)

    async def put(
        self, key: S3Key, data: bytes, *, content_type: str, cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None, only_if: str | None = None,
    ) -> str:  # fmt: skip
        """Store an object in one request and return its ETag; metadata is ASCII.

        Raises:
            Conflict: `only_if` did not hold. If an answer was lost, this very call may have stored the
                present object.
        """
        attributes: dict[str, str] = {"Content-Type": content_type, **(metadata or {})}
        if cache_control:
            attributes["Cache-Control"] = cache_control
        mode: Any = {None: "overwrite", "": "create"}.get(only_if, {"e_tag": only_if})
        try:
            with s3_errors(key):
                result = await obstore.put_async(
                    self._store, key, data, attributes=attributes, mode=mode, use_multipart=False
                )
        except NotFound as ex:
            # So AWS says of an If-Match when the object was deleted.
            if only_if:
                raise Conflict(f"{key} is gone") from ex
            raise
        return result["e_tag"] or ""

    async def put_stream(self, key: S3Key, chunks: AsyncIterator[bytes]) -> int:
        """Store the chunks as one object, never held whole, and return its size.

        If the iterator raises, or this is cancelled, nothing is stored.
        """
        with s3_errors(key):
            return await put_parts(self._store, key, chunks)

    async def get(self, key: S3Key, max_bytes: int) -> tuple[bytes, str]:
        """Return an object and its ETag.

        Raises:
            NotFound: There is none.
            TooLarge: It has more bytes; none were read.
        """
        with s3_errors(key):
            result = await obstore.get_async(self._store, key)
            if result.meta["size"] > max_bytes:
                raise TooLarge(f"{key} has {result.meta['size']} bytes, more than {max_bytes}")
            return bytes(await result.bytes_async()), result.meta["e_tag"] or ""

    async def get_range(self, key: S3Key, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Return bytes start to end, the end excluded; fewer if the object ends before.

        Raises:
            NotFound: There is no object, or it ends before the start.
            Conflict: `only_if` did not hold.
        """
        if start >= end:
            return b""
        with s3_errors(key):
            if only_if is None:
                return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))
            result = await obstore.get_async(
                self._store, key, options={"range": (start, end), "if_match": only_if}
            )
            if result.meta["e_tag"] != only_if:  # a server that does not know If-Match
                raise Conflict(f"{key} changed in S3")
            return bytes(await result.bytes_async())

    async def head(self, key: S3Key) -> ObjectFacts | None:
        """Return facts of an object, or None."""
        try:
            with s3_errors(key):
                result = await obstore.get_async(self._store, key, options={"head": True})
        except NotFound:
            return None
        metadata = {name: value for name, value in result.attributes.items() if name not in _HEADERS}
        return ObjectFacts(result.meta["size"], result.meta["e_tag"] or "", metadata)

    async def copy(self, source: S3Key, target: S3Key) -> None:
        """Copy an object inside the bucket, its type and metadata with it.

        Raises:
            NotFound: There is no source.
        """
        with s3_errors(source):
            await obstore.copy_async(self._store, source, target)

    async def delete(self, keys: Iterable[S3Key]) -> None:
        """Delete objects; those that are gone count as deleted."""
        rest = iter(keys)
        while page := list(itertools.islice(rest, MAX_KEYS_PER_REQUEST)):
            with s3_errors(page[0]):
                await obstore.delete_async(self._store, page)

    async def delete_prefix(self, prefix: str) -> None:
        """Delete all objects under a prefix.

        Raises:
            ValueError: The prefix does not end with a slash, or is nothing else: half a name would match
                other names' objects.
        """
        check_prefix(prefix)
        try:
            with s3_errors(prefix.rstrip("/")):
                async for page in obstore.list(self._store, prefix, chunk_size=MAX_KEYS_PER_REQUEST):
                    # obstore names the folder's own object, `a/`, like another object beside it, `a`.
                    keys = [each["path"] for each in page if each["path"].startswith(prefix)]
                    await obstore.delete_async(self._store, keys)
        except InvalidPathError:
            await self._delete_listed(prefix)

    async def _delete_listed(self, prefix: str) -> None:
        """Delete what is under a prefix, keys that obstore cannot name excepted."""
        async for page in self.list(prefix):
            await self.delete(each.key for each in page if is_addressable(each.key))

    async def list(self, prefix: str) -> AsyncGenerator[Sequence[ListedObject], None]:
        """Yield the objects under a prefix, in S3's order, a page at a time.

        Raises:
            ValueError: The prefix does not end with a slash, or is nothing else: half a name would match
                other names' objects.
        """
        check_prefix(prefix)
        from imagejobs_contract.s3.listing import Lister  # 20 ms, which a pod does not need

        async for page in Lister(self._settings).pages(prefix, MAX_KEYS_PER_REQUEST):
            yield page

    async def check(self) -> None:
        """Raise `Unavailable` or `Misconfigured` unless the bucket can be read, within `CHECK_SECONDS`.

        It asks for one object that nobody stores: the answer costs the same however full the bucket is, it
        needs no permission that work does not need, and unlike that to HEAD it says whether the object is
        missing or the bucket.
        """
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                with s3_errors("the bucket"):
                    await obstore.get_async(self._store, CHECK_KEY)
        except NotFound:
            return
        except TimeoutError as ex:
            raise Unavailable("S3 does not answer") from ex


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless a prefix ends with a slash and is more than slashes."""
    if not prefix.strip("/") or not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} is not a prefix that ends with a slash")
