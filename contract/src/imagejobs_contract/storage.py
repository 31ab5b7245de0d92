"""Protocols of the object store; `s3` has their implementations.

Every call is bounded in time by its adapter and raises only errors of `errors.py`: `Unavailable` if a repeat
may help.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from imagejobs_contract.model.names import S3Key, UploadId


class ObjectFacts(NamedTuple):
    """The facts of an object without its bytes."""

    size: int
    etag: str
    metadata: Mapping[str, str]


class ListedObject(NamedTuple):
    """An entry of a listing. A named tuple, because listings have up to a million."""

    key: S3Key
    size: int
    etag: str


class ObjectStore(Protocol):
    """S3, over the endpoint for I/O."""

    async def put(
        self, key: S3Key, data: bytes, *, content_type: str, cache_control: str | None = None,
        metadata: Mapping[str, str] | None = None, only_if: str | None = None,
    ) -> str:  # fmt: skip
        """Store an object and return its ETag.

        Args:
            only_if: None overwrites; "" stores only if there is none; an ETag stores only over that version.

        Raises:
            Conflict: `only_if` did not hold.
        """
        ...

    async def put_stream(self, key: S3Key, chunks: AsyncIterator[bytes]) -> int:
        """Store the chunks as one object, never held whole, and return its size.

        If the iterator raises, nothing is stored.
        """
        ...

    async def get(self, key: S3Key, max_bytes: int) -> tuple[bytes, str]:
        """Return an object and its ETag.

        Raises:
            NotFound: There is none.
            TooLarge: It has more bytes; none were read.
        """
        ...

    async def get_range(self, key: S3Key, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Return bytes start to end, the end excluded.

        Args:
            only_if: An ETag reads only that version.

        Raises:
            NotFound: There is no object, or it ends before the start.
            Conflict: `only_if` did not hold.
        """
        ...

    async def head(self, key: S3Key) -> ObjectFacts | None:
        """Return facts of an object, or None."""
        ...

    async def copy(self, source: S3Key, target: S3Key) -> None:
        """Copy an object inside the bucket."""
        ...

    async def delete(self, keys: Iterable[S3Key]) -> None:
        """Delete objects; those that are gone count as deleted."""
        ...

    def list(self, prefix: str) -> AsyncGenerator[Sequence[ListedObject], None]:
        """Yield the objects under a prefix that ends with a slash, in S3's order, a page at a time."""
        ...

    async def delete_prefix(self, prefix: str) -> None:
        """Delete all objects under a prefix that ends with a slash."""
        ...

    async def check(self) -> None:
        """Raise `Unavailable` or `Misconfigured` unless the bucket can be read."""
        ...


class LinkSigner(Protocol):
    """Presigned links for the public endpoint."""

    def get_link(
        self,
        key: S3Key,
        *,
        seconds: int,
        content_type: str,
        file_name: str,
        method: str = "GET",
        attachment: bool = False,
    ) -> str:
        """Return a link with which anyone can GET (or HEAD) an object for a time, with that type and name.

        As an attachment browsers save it; otherwise they show it.
        """
        ...

    def put_link(self, key: S3Key, *, seconds: int, size: int, content_type: str) -> str:
        """Return a link with which anyone can PUT an object for a time; size in bytes and type are fixed."""
        ...

    def part_link(self, key: S3Key, upload: UploadId, number: int, *, seconds: int, size: int) -> str:
        """Return a link with which anyone can PUT a part of an upload for a time; its size is fixed."""
        ...


class PartUploads(Protocol):
    """Objects that clients send to S3 in parts (multipart uploads)."""

    async def begin(self, key: S3Key, content_type: str) -> UploadId:
        """Return the id of a new upload.

        Its parts cost storage until it is completed or aborted, or the bucket's lifecycle rule ends it.
        """
        ...

    async def complete(self, key: S3Key, upload: UploadId, parts: int) -> None:
        """Make the object of its parts.

        Raises:
            NotFound: There is no such upload.
            Conflict: A part is missing.
        """
        ...

    async def abort(self, key: S3Key, upload: UploadId) -> None:
        """Drop an upload and its parts; nothing happens if there is none."""
        ...
