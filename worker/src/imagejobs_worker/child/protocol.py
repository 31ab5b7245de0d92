"""The messages between parent and child: a JSON head with its length, then the files' bytes unchanged.

Both ends check all lengths before they allocate memory for them. The parent treats every answer as written by
an attacker: see `verify`.
"""

import json
import struct
from typing import Any, NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant, read_variant, variant_body
from imagejobs_contract.model.placeholder import read_placeholder
from imagejobs_contract.reader import Reader
from imagejobs_worker.imaging.picture import Picture, Rendering

PREFIX = struct.Struct("!II")
"""Bytes of the head, bytes of all files."""
LISTENER, NO_LISTENER = b"L", b"N"
"""The first byte of a child that may start threads, before any answer: whether a listener comes along."""
MAX_HEAD_BYTES = 64 * 2**10
MAX_FILES_BYTES = 256 * 2**20
"""All results of one image together."""
MAX_MICROS = 10**9
"""More than any image may take. The numbers come from the child: they go into traces and sums, and nothing is
decided by them.
"""
MAX_TEXT_CHARS = 240
_CODES = frozenset(
    {
        Code.NOT_AN_IMAGE,
        Code.UNSUPPORTED_FORMAT,
        Code.CORRUPT_IMAGE,
        Code.TOO_MANY_PIXELS,
        Code.TOO_MANY_FRAMES,
        Code.FILE_TOO_LARGE,
        Code.MAX_SIZE_UNREACHABLE,
        Code.NO_FACE_FOUND,
        Code.PROCESSING_TIMEOUT,
        Code.OUT_OF_MEMORY,
        Code.INTERNAL_ERROR,
    }
)
"""The codes that the pipeline can report; an answer with another, such as `unauthorized`, is invalid."""


class InvalidMessage(Exception):
    """Raised when bytes are not a message of this protocol."""


class Request(NamedTuple):
    """A request to the child, without the source's bytes.

    Attributes:
        nonce: A random text that the answer repeats: what was sent before the child saw this request answers
            another one.
    """

    variants: tuple[Variant, ...]
    limits: Limits
    nonce: str


def read_sizes(prefix: bytes | bytearray, max_files_bytes: int) -> tuple[int, int]:
    """Return the bytes of the head and of the files.

    Raises:
        InvalidMessage: They are above the limits.
    """
    head, files = PREFIX.unpack(prefix)
    if head > MAX_HEAD_BYTES or files > max_files_bytes:
        raise InvalidMessage(
            f"announces {head} and {files} bytes; at most {MAX_HEAD_BYTES} and {max_files_bytes} can be"
        )
    return head, files


def pack_request(request: Request, source_bytes: int) -> bytes:
    """Return prefix and head of a request; the source follows."""
    variants = [variant_body(each) for each in request.variants]
    return _pack(
        {"variants": variants, "limits": request.limits._asdict(), "nonce": request.nonce}, source_bytes
    )


def read_request(head: bytes) -> Request:
    """Read a head that `pack_request` made.

    Raises:
        InvalidMessage: It is not one.
    """
    try:
        body = json.loads(head)
        readers = [(Reader(each), each["name"]) for each in body["variants"]]
        variants = tuple(read_variant(reader, camel=True, name=name) for reader, name in readers)
        for reader, _ in readers:
            reader.check()
        return Request(variants, Limits(**body["limits"]), str(body["nonce"]))
    except (ValueError, KeyError, TypeError) as ex:
        raise InvalidMessage(f"not a request: {ex}") from ex


def pack_rendering(rendering: Rendering, nonce: str, cpu_micros: int = 0) -> bytes:
    """Return prefix and head of an answer with results; their files follow.

    A picture that is the source itself is not sent back.

    Args:
        rendering: The results.
        nonce: Of the request.
        cpu_micros: Processor time of the child since it got the request.

    Raises:
        ImageFailed: `file_too_large`, if the files are more than a message holds.
    """
    pictures = [
        [
            each.variant,
            each.width,
            each.height,
            each.format,
            _sent_bytes(each),
            each.kept_original,
            *each.placeholder,
        ]
        for each in rendering.pictures
    ]
    total = sum(map(_sent_bytes, rendering.pictures))
    if total > MAX_FILES_BYTES:
        raise ImageFailed(
            f"has results of {total} bytes; at most {MAX_FILES_BYTES} are allowed", code=Code.FILE_TOO_LARGE
        )
    source = [
        rendering.source_format,
        rendering.source_width,
        rendering.source_height,
        rendering.frames,
        rendering.decode_micros,
        cpu_micros,
    ]
    return _pack({"nonce": nonce, "source": source, "pictures": pictures}, total)


def pack_failure(nonce: str, code: Code, message: str, detail: str = "", cpu_micros: int = 0) -> bytes:
    """Return an answer without results.

    Args:
        nonce: Of the request.
        code: The failure.
        message: For people who may read it.
        detail: For the log.
        cpu_micros: As `pack_rendering`.
    """
    body = {
        "code": code,
        "message": message[:MAX_TEXT_CHARS],
        "detail": detail[-4 * MAX_TEXT_CHARS :],
        "cpu": cpu_micros,
    }
    return _pack({"nonce": nonce, **body}, 0)


def read_answer(head: bytes, files: memoryview, source: bytes, nonce: str) -> Rendering:
    """Read an answer of `pack_rendering` or `pack_failure`; only its shape is checked here.

    Raises:
        ImageFailed: The child reports a failure.
        InvalidMessage: It is no answer to the request of this nonce.
    """
    try:
        body = json.loads(head)
        if body["nonce"] != nonce:
            raise InvalidMessage("answers another request")
        if "code" in body:
            raise _read_failure(body)
        (form, width, height, frames, micros, cpu_micros), rows = body["source"], body["pictures"]
        pictures = tuple(_read_pictures(rows, files, source))
        return Rendering(
            str(form),
            _check_whole(width),
            _check_whole(height),
            _check_whole(frames),
            pictures,
            min(_check_whole(micros), MAX_MICROS),
            min(_check_whole(cpu_micros), MAX_MICROS),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as ex:
        raise InvalidMessage(f"not an answer: {str(ex)[:MAX_TEXT_CHARS]}") from ex


def _read_pictures(rows: list[Any], files: memoryview, source: bytes) -> list[Picture]:
    pictures, at = [], 0
    for variant, width, height, form, size, kept, *more in rows:
        data = source if kept is True else bytes(files[at : at + _check_whole(size)])
        at += _check_whole(size)
        sides = _check_whole(width), _check_whole(height)
        shown = read_placeholder(*more)
        pictures.append(Picture(str(variant), data, *sides, Format(form), kept is True, shown))
    if at != len(files):
        raise InvalidMessage(f"{len(files)} bytes came for pictures of {at}")
    return pictures


def _read_failure(body: dict[str, Any]) -> ImageFailed:
    """Return the child's failure; its text is shown to people, so it is cut and made printable."""
    message = "".join(filter(str.isprintable, str(body["message"])))[:MAX_TEXT_CHARS]
    if body["code"] not in _CODES:
        raise ValueError("no code of an image")
    failed = ImageFailed(message, code=Code(body["code"]))
    failed.cpu_micros = min(_check_whole(body["cpu"]), MAX_MICROS)
    if body.get("detail"):
        failed.add_note(str(body["detail"])[: 4 * MAX_TEXT_CHARS])
    return failed


def _sent_bytes(picture: Picture) -> int:
    return 0 if picture.kept_original else len(picture.data)


def _check_whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a size")
    return value


def _pack(body: dict[str, Any], files: int) -> bytes:
    head = json.dumps(body, separators=(",", ":")).encode()
    return PREFIX.pack(len(head), files) + head
