"""Fields of an object as a table. Pure."""

import json
from typing import Any

from imagejobs_api.docspage.html import Html, joined, line, table, tag
from imagejobs_api.docspage.words import kind

Schema = dict[str, Any]


def field_table(schema: Schema) -> Html:
    """Return a row per property: its name, what it is, what it means."""
    needed = schema.get("required", ())
    rows = [
        row(name, each, needed=name in needed and schema.get("additionalProperties") is False)
        for name, each in schema["properties"].items()
    ]
    return table(("field", "is", "means"), rows)


def row(name: str, schema: Schema, *, needed: bool, meaning: str = "") -> tuple[str, ...]:
    """Return the row of a field or parameter.

    Args:
        name: Of the field.
        schema: Of its values.
        needed: It must be given; said only of requests, whose objects take nothing unknown.
        meaning: Instead of the schema's own description.
    """
    mark = joined(" ", tag("em", "needed")) if needed else ""
    default = joined(" Default ", tag("code", _shown(schema["default"])), ".") if "default" in schema else ""
    return (
        joined(tag("code", name), mark),
        kind(schema),
        joined(line(meaning or schema.get("description", "")), default),
    )


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
