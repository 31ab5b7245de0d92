"""The fields of an object as a table. Pure."""

import json
from typing import Any

from imagejobs_api.docspage.html import Html, join, line, table, tag
from imagejobs_api.docspage.words import type_words

Schema = dict[str, Any]


def render_fields(schema: Schema) -> Html:
    """Return a table with a row for each property: name, type, meaning."""
    needed = schema.get("required", ())
    rows = [
        field_row(name, each, needed=name in needed and schema.get("additionalProperties") is False)
        for name, each in schema["properties"].items()
    ]
    return table(("field", "type", "meaning"), rows)


def field_row(name: str, schema: Schema, *, needed: bool, meaning: str = "") -> tuple[str, ...]:
    """Return the row of a field or parameter.

    Args:
        name: The name of the field.
        schema: The schema of its values.
        needed: It is required; only marked in requests, whose objects allow no unknown fields.
        meaning: Replaces the schema's own description.
    """
    mark = join(" ", tag("em", "required")) if needed else ""
    default = (
        join(" Default ", tag("code", format_default(schema["default"])), ".") if "default" in schema else ""
    )
    return (
        join(tag("code", name), mark),
        type_words(schema),
        join(line(meaning or schema.get("description", "")), default),
    )


def format_default(value: object) -> str:
    """Return a default as a request would have it."""
    return value if isinstance(value, str) else json.dumps(value)
