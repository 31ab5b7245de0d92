"""The errors of a call as OpenAPI's responses: one for each status, with its codes."""

from collections.abc import Iterable, Mapping
from typing import Any

from imagejobs_api.http.errors import CONTENT_TYPE
from imagejobs_api.openapi.headers import RATE_HEADERS, REQUEST_ID, header_objects
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.codes import Code, meaning

EVERYWHERE = (
    Code.MALFORMED_REQUEST,
    Code.REQUEST_TIMEOUT,
    Code.HEADERS_TOO_LARGE,
    Code.INTERNAL_ERROR,
    Code.UNAVAILABLE,
)
RATE_LIMITED = (Code.RATE_LIMITED, Code.MISCONFIGURED)
"""Of all calls that are not public."""
MAX_SHARED_CODES = 3
"""A response with at most this number of codes is a component, named by the codes."""

_REQUIRED_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_OPTIONAL_HEADERS = {409: ("Retry-After",)}


def responses(
    codes: Iterable[Code],
    examples: Mapping[int, Mapping[str, Any]],
    shared: dict[str, Schema],
    *,
    counted: bool,
) -> dict[str, Schema]:
    """Return the responses of a call's errors: status -> response.

    Args:
        codes: Of all errors of the call.
        examples: Status -> name -> OpenAPI's example object.
        shared: Collects the responses that several calls have.
        counted: Whether a rate limit counts the call, so that answers have its headers.
    """
    found: dict[str, Schema] = {}
    for status, of_status in _by_status(codes).items():
        response = _response(status, of_status, examples.get(status, {}), counted=counted)
        if status in examples or len(of_status) > MAX_SHARED_CODES:
            found[str(status)] = response
        else:
            name = "_or_".join(of_status) + ("" if counted else ".public")
            shared[name] = response
            found[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return found


def _by_status(codes: Iterable[Code]) -> dict[int, list[Code]]:
    found: dict[int, list[Code]] = {}
    for code in sorted(set(codes), key=list(Code).index):
        found.setdefault(meaning(code).http_status, []).append(code)
    return dict(sorted(found.items()))


def _response(status: int, codes: list[Code], examples: Mapping[str, Any], *, counted: bool) -> Schema:
    # Keywords beside a reference narrow it (JSON Schema 2020-12); without them it is still a Problem.
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": [code.value for code in codes]}}}
    content: Schema = {"schema": {"$ref": "#/components/schemas/Problem", **narrowed}}
    if examples:
        content["examples"] = dict(examples)
    sometimes = (*_OPTIONAL_HEADERS.get(status, ()), REQUEST_ID, *(RATE_HEADERS if counted else ()))
    return {
        "description": " ".join(f"`{code}`: {meaning(code).sentence}" for code in codes),
        "headers": header_objects(_REQUIRED_HEADERS.get(status, ()), sometimes),
        "content": {CONTENT_TYPE: content},
    }
