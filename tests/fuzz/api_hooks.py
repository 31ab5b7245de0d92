"""What schemathesis is told of the API beyond its document.

Loaded by it (`SCHEMATHESIS_HOOKS`); the rest is in `schemathesis.toml`.
"""

import functools
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st

from imagejobs_contract.reader import Reader

URLS = [
    *(os.environ["FUZZ_SITE"] + path for path in ("/photo.jpg", "/absent.jpg", "/notes.txt")),
    "https://images.example.org/a",
]
"""What the workers may fetch, and whom callbacks may reach."""
WORDS = ("true", "false", "yes", "no", "on", "off", "1", "0")

schemathesis.openapi.format(
    "byte-size", st.sampled_from(["256", "300B", "1kB", "200kB", "0.5 MB", "1.5MB", "1MiB", "8MiB"])
)
schemathesis.openapi.format(
    "variants-json",
    st.sampled_from(
        ['[{"width": 200}]', '[{"name": "thumb", "width": 64, "height": 64, "fit": "fill"}, {"name": "web"}]']
    ),
)
schemathesis.openapi.format("uri", st.sampled_from(URLS))


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out what is not as it was meant to be.

    Right requests that the document forbids (of a form, one value at a time is chosen without regard to the
    others), and requests that are right or wrong only by what the document says in words: that it is read
    liberally, how large a `byte-size` is, which addresses may be fetched.
    """
    if case.meta is None:
        return True
    given = [pair for part in (case.query, case.body) for pair in pairs(part)]
    if case.meta.generation.mode.is_negative:
        return not any(is_read_liberally(value) for _, value in given)
    bounds = sizes(json.dumps(case.operation.schema.raw_schema["components"]["schemas"]))
    fit = all(is_size(value, *bounds[name]) for name, value in given if name in bounds)
    return (
        fit
        and is_as_documented(case)
        and all(is_address(value) for name, value in given if name in ADDRESSES)
    )


def is_as_documented(case: schemathesis.Case) -> bool:
    """Tell whether a body is what the document says."""
    whole = case.operation.schema.raw_schema
    told = (
        whole["paths"][case.operation.path][case.operation.method.lower()]
        .get("requestBody", {})
        .get("content", {})
        .get(case.media_type)
    )
    if told is None or not isinstance(case.body, dict):
        return True
    body = {name: value for name, value in case.body.items() if not is_file(value)}
    images = {name: ["x"] if name == "images" else "x" for name in case.body.keys() - body.keys()}
    return validator(
        json.dumps(told["schema"] | {"components": {"schemas": whole["components"]["schemas"]}})
    ).is_valid(body | images)


@functools.cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Return what validates bodies."""
    return jsonschema_rs.Draft202012Validator(json.loads(schema))


def is_file(value: Any) -> bool:
    """Tell whether a field holds files: texts of a type of their own, which is none of JSON's."""
    return (
        any(map(is_file, value))
        if type(value) is list
        else type(value) not in (str, int, float, bool, type(None), dict)
    )


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every field of a request, however deep."""
    for element in value if isinstance(value, list) else []:
        yield from pairs(element)
    for name, inner in value.items() if isinstance(value, dict) else []:
        yield name, inner
        yield from pairs(inner)


def is_read_liberally(value: Any) -> bool:
    """Return whether a value may count as missing, or is the text of a number or boolean."""
    text = value.strip().lower() if isinstance(value, str) else None
    return (
        value in (None, [], {})
        or text == ""
        or (text is not None and (text in WORDS or re.fullmatch("-?[0-9]+", text) is not None))
    )


@functools.cache
def sizes(schemas: str) -> dict[str, tuple[int, int]]:
    """Return the bounds of fields that are sizes: in each, the text stands beside the number."""
    fields = [
        pair
        for schema in json.loads(schemas).values()
        for pair in pairs({"": schema})
        if isinstance(pair[1], dict)
    ]
    # A rule between fields is under the field's name too.
    either = [(name, schema["anyOf"]) for name, schema in fields if len(schema.get("anyOf", ())) == 2]
    return {
        name: (plain["minimum"], plain["maximum"])
        for name, (plain, text) in either
        if text.get("format") == "byte-size"
    }


def is_size(value: Any, low: int, high: int) -> bool:
    """Tell whether a value is a size within the bounds, as the API reads it."""
    reader = Reader({"size": value})
    reader.size("size", low, high)
    return not reader.faults


def is_address(value: Any) -> bool:
    """Tell whether a value is a URL that may be fetched, or all of them are."""
    return set(value if isinstance(value, list) else [value]) <= set(URLS)


ADDRESSES = ("url", "urls", "callback")


@schemathesis.deserializer("application/x-ndjson")
def lines(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """Return one of the lines, which the document describes; all of them must be JSON."""
    return [json.loads(line) for line in response.content.splitlines()][-1]
