"""JSON in and out: bodies that are one JSON object of a bounded size, and JSON as it is sent."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from json import scanner
from typing import Any, TypeVar

import falcon

from imagejobs_api.http.connection import Request, body_chunks
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.reader import MAX_FAULTS
from imagejobs_contract.wire import file_names

T = TypeVar("T")

THREAD_BYTES = 2**16
"""Larger bodies are parsed in a thread."""
QUICK_VALUES = 10_000
"""Values up to which the parser in C is used, at 0.1 to 0.7 us each. It keeps the interpreter's lock for the
whole body: 4 MiB of `[]` held all other requests for a second. Beyond, Python's own parser is used, which
yields the lock every 5 ms.
"""
MAX_VALUES = 400_000
"""Commas and brackets in a body: 40,000 images with URLs of five commas each have fewer."""
MAX_NAMES = 1_000
"""Names in one object; the largest object that means something has some twenty."""

_thread = ThreadPoolExecutor(1, "imagejobs-bodies")
"""One for all large bodies: two such threads would hold the event loop's turns twice as long."""


def check_head(req: Request, max_bytes: int) -> int:
    """Return the announced length of the body, or `max_bytes` if there is none.

    Raises:
        Problem: The body is announced as compressed, or as larger than `max_bytes`.
    """
    if (req.get_header("Content-Encoding") or "identity").strip().lower() != "identity":
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without Content-Encoding.")
    length = max_bytes if req.content_length is None else req.content_length
    if length > max_bytes:
        raise Problem(Code.PAYLOAD_TOO_LARGE, f"The body has {length} bytes; {max_bytes} are allowed.")
    return length


async def read(req: Request, max_bytes: int) -> dict[str, Any]:
    """Return the body.

    Raises:
        Problem: The body is not a JSON object, or is declared as another type.
        Invalid: An object in the body has a name twice.
        BodyIncomplete, TooLarge: As `body_chunks`.
    """
    kind = (req.content_type or "").split(";")[0].strip().lower()
    if kind != falcon.MEDIA_JSON:
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Send JSON, as {falcon.MEDIA_JSON}.")
    return await parse_apart(b"".join([chunk async for chunk in body_chunks(req.receive, max_bytes)]))


async def parse_apart(data: bytes) -> dict[str, Any]:
    """Return the JSON object in some bytes, as `parse`; other requests do not wait for a large one."""
    return await run_apart(lambda: parse(data)) if len(data) > THREAD_BYTES else parse(data)


async def run_apart(work: Callable[[], T]) -> T:
    """Return the result of work on a large body, in the one thread for such work."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)


def parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object in some bytes.

    Raises:
        Problem: They are not a JSON object, or have more than `MAX_VALUES`.
        Invalid: An object has a name twice, or too many names.
    """
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > MAX_VALUES:
        raise Problem(
            Code.MALFORMED_REQUEST, f"The body has {values} commas and brackets; {MAX_VALUES} are allowed."
        )
    try:
        text = data.decode(json.detect_encoding(data), "surrogatepass")  # as json.loads
        is_quick = len(data) <= THREAD_BYTES or values <= QUICK_VALUES
        body = (_QUICK if is_quick else _YieldingDecoder()).decode(text)
    except json.JSONDecodeError as ex:
        raise Problem(
            Code.MALFORMED_REQUEST, f"The body is not JSON: line {ex.lineno}, column {ex.colno}: {ex.msg}."
        ) from ex
    except UnicodeDecodeError as ex:
        raise Problem(
            Code.MALFORMED_REQUEST, f"The body is not JSON: it is not UTF-8 from byte {ex.start} on."
        ) from ex
    except (ValueError, RecursionError) as ex:
        raise Problem(
            Code.MALFORMED_REQUEST,
            "The body is not JSON: it is nested too deeply, or has a number that is none.",
        ) from ex
    if not isinstance(body, dict):
        raise Problem(Code.MALFORMED_REQUEST, "The body is not a JSON object.")
    return body


def dumps(value: object) -> str:
    """Return the value as one line of JSON, with characters beyond ASCII as they are.

    The line ends, so that a shell's prompt does not follow on the same line.
    """
    return json.dumps(value, ensure_ascii=False) + "\n"


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse one that has a name twice.

    One of the two values would be lost, and parsers do not agree on which (RFC 8259, section 4).
    """
    if len(pairs) > MAX_NAMES:
        raise Invalid([Fault("", f"an object of the body has more than {MAX_NAMES} names")])
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = [file_names.clean(name)[:60] for name in found if counts[name] > 1][:MAX_FAULTS]
        raise Invalid([Fault(name, "is given more than once") for name in repeated])
    return found


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)  # NaN or Infinity, which Python accepts and JSON does not have


class _Names(dict[str, str]):
    """The names that a body has used: the decoder keeps each once. It ends a body of too many early."""

    def setdefault(self, name: str, default: str = "") -> str:
        if len(self) > MAX_NAMES:
            raise Invalid([Fault("", f"the body has more than {MAX_NAMES} different names")])
        return super().setdefault(name, default)


class _YieldingDecoder(json.JSONDecoder):
    """The standard library's decoder in Python, which it uses itself where its C module is missing."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_make_object, parse_constant=_refuse_constant)
        self.memo = _Names()
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]


_QUICK = json.JSONDecoder(object_pairs_hook=_make_object, parse_constant=_refuse_constant)
