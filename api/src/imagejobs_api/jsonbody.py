"""Bodies that are one JSON object, of a bounded size."""

import asyncio
import json
from typing import Any

import falcon

from imagejobs_api.connection import Request, body_chunks
from imagejobs_api.errors import Problem
from imagejobs_contract.codes import Code


def check_length(req: Request, most: int) -> int:
    """Return how large the body will be, or can become; refuse one that says it is too large."""
    length = most if req.content_length is None else req.content_length
    if length > most:
        raise Problem(Code.PAYLOAD_TOO_LARGE, f"The body has {length} bytes; {most} are allowed.")
    return length


async def read(req: Request, most: int) -> dict[str, Any]:
    """Return the body.

    Raises:
        Problem: It is no JSON object, or declared as something else.
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
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as ex:
        raise Problem(Code.MALFORMED_REQUEST, "The body is not JSON.") from ex
    if not isinstance(body, dict):
        raise Problem(Code.MALFORMED_REQUEST, "The body is not a JSON object.")
    return body
