"""Reads the bodies of `/api/uploads`, every fault at once. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import S3Key, UploadId
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import file_names, manifests, source_prefixes

DEFAULT_TYPE = "application/octet-stream"
_TYPE_PATTERN = (
    r"image/(?!svg)[a-z0-9][a-z0-9.+-]{0,60}|application/(octet-stream|jsonl|x-ndjson|ndjson|json)|text/plain"
)
"""Images, manifests, and what says nothing: a bucket that is opened by mistake serves nobody's pages."""
PART_UPLOAD_PATTERN = r"[1-9][0-9]{0,3}-[A-Za-z0-9_~+=-][A-Za-z0-9._~+=-]{0,1000}"
"""The number of parts, and S3's id of the upload. SeaweedFS looks for a folder of that name, so the id must
be neither `..` nor a path.
"""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that a client wants to upload.

    Attributes:
        size: Bytes.
        part_size: Bytes of each part but the last; None if the file is sent by one PUT.
    """

    name: str
    size: int
    content_type: str
    part_size: int | None

    @property
    def parts(self) -> int:
        """Return how many PUTs the file takes."""
        return math.ceil(self.size / self.part_size) if self.part_size else 1


@dataclass(frozen=True, slots=True)
class PartUpload:
    """A multipart upload that a client names.

    Attributes:
        upload: S3's id of the upload.
        parts: How many parts it must have.
    """

    key: S3Key
    upload: UploadId
    parts: int


def read_files(body: Mapping[str, Any], server_limits: Limits) -> tuple[NewFile, ...]:
    """Read the files that a client wants to upload.

    Args:
        server_limits: The limits of this server.

    Raises:
        Invalid: With every fault.
    """
    reader = Reader(body)
    reader.unknown(("files",))
    files = tuple(
        read_file(each, server_limits) for each in reader.children("files", limits.MAX_UPLOAD_FILES)
    )
    if not files and not reader.faults:
        reader.fault("files", "is missing: a list of files, each with its size in bytes")
    reader.check()
    if sum(each.parts for each in files) > limits.MAX_UPLOAD_PARTS:
        reader.fault("files", f"are more than {limits.MAX_UPLOAD_PARTS} parts together")
    reader.check()
    return files


def read_file(reader: Reader, server_limits: Limits) -> NewFile:
    """Read one file; faults go to the reader."""
    reader.unknown(("name", "size", "content_type", "part_size"))
    content_type = (
        reader.text(
            "content_type",
            123,
            default=DEFAULT_TYPE,
            pattern=_TYPE_PATTERN,
            shape="a media type such as image/jpeg",
        )
        or DEFAULT_TYPE
    )
    most = (
        server_limits.max_manifest_bytes
        if content_type == manifests.CONTENT_TYPE
        else server_limits.max_file_bytes
    )
    size = reader.size("size", 1, most)
    part_size = reader.size("part_size", limits.MIN_PART_BYTES, limits.MAX_PART_BYTES)
    if not reader.has("size"):
        reader.fault("size", "is missing: the file's bytes, which its link is signed for")
    if size and size > limits.MAX_PART_BYTES and not part_size:
        reader.fault("part_size", f"is needed for files of more than {limits.MAX_PART_BYTES} bytes")
    return NewFile(
        file_names.clean(reader.text("name", 200) or ""),
        size or 1,
        content_type,
        part_size if size and part_size and part_size < size else None,
    )


def read_part_upload(body: Mapping[str, Any], own: str) -> PartUpload:
    """Read the multipart upload that a client names.

    Args:
        own: The prefix of the caller's uploads.

    Raises:
        Invalid: With every fault.
        Problem: The upload does not belong to the caller.
    """
    reader = Reader(body)
    reader.unknown(("key", "multipart_id"))
    key = reader.text("key", limits.MAX_KEY_LENGTH) or ""
    given = (
        reader.text(
            "multipart_id", 1100, pattern=PART_UPLOAD_PATTERN, shape="one that POST /api/uploads gave"
        )
        or "1-"
    )
    for name in ("key", "multipart_id"):
        if not reader.has(name):
            reader.fault(name, "is missing")
    reader.check()
    if not source_prefixes.may_read(key, (own,)):
        raise Problem(Code.NOT_FOUND, f"There is no such upload of yours; they begin with {own}")
    parts, _, upload = given.partition("-")
    return PartUpload(S3Key(key), UploadId(upload), int(parts))
