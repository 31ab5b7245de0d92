"""JSON in and out: bodies that are one JSON object of a bounded size, and JSON as it is sent."""

import asyncio
import json
from collections import Counter
from typing import Any

import falcon

from imagejobs_api.http import filenames
from imagejobs_api.http.connection import Request, body_chunks
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid

THREAD_BYTES = 2**16
"""Larger bodies are parsed in a thread."""


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
    data = b"".join([chunk async for chunk in body_chunks(req.receive, max_bytes)])
    # Megabytes take tens of milliseconds to parse: other requests must not wait for that.
    return await asyncio.to_thread(parse, data) if len(data) > THREAD_BYTES else parse(data)


def parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object in some bytes.

    Raises:
        Problem: They are not a JSON object.
        Invalid: An object has a name twice.
    """
    try:
        body = json.loads(data, object_pairs_hook=_make_object, parse_constant=_refuse_constant)
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
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = [filenames.clean(name)[:60] for name in found if counts[name] > 1]
        raise Invalid([Fault(name, "is given more than once") for name in repeated])
    return found


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)  # NaN or Infinity, which Python accepts and JSON does not have
