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


def check_head(req: Request, most: int) -> int:
    """Return how large the body will be, or can become; refuse one that says it is too large, or compressed."""
    if (req.get_header("Content-Encoding") or "identity").strip().lower() != "identity":
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without Content-Encoding.")
    length = most if req.content_length is None else req.content_length
    if length > most:
        raise Problem(Code.PAYLOAD_TOO_LARGE, f"The body has {length} bytes; {most} are allowed.")
    return length


async def read(req: Request, most: int) -> dict[str, Any]:
    """Return the body.

    Raises:
        Problem: It is no JSON object, or declared as something else.
        Invalid: A name stands twice in an object of it.
        BodyCut, TooLarge: It ends too early, or not in time.
    """
    kind = (req.content_type or "").split(";")[0].strip().lower()
    if kind != falcon.MEDIA_JSON:
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Send JSON, as {falcon.MEDIA_JSON}.")
    data = b"".join([chunk async for chunk in body_chunks(req.receive, most)])
    # A body of megabytes takes tens of milliseconds: others shall not wait for it.
    return await asyncio.to_thread(parse, data) if len(data) > 2**16 else parse(data)


def parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object in some bytes.

    Raises:
        Problem: It is none.
        Invalid: A name stands twice in an object.
    """
    try:
        body = json.loads(data, object_pairs_hook=_object, parse_constant=_refuse)
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object.

    Where a name stands twice one of the values would be lost, and parsers do not agree on which (RFC 8259,
    section 4).
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise Invalid(
            [
                Fault(filenames.clean(name)[:60], "is given more than once")
                for name in found
                if counts[name] > 1
            ]
        )
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity, which Python would take
