"""Schemas in words for the tables of fields: `integer, 1 to 100`, `list of Result`. Pure."""

from typing import Any

from imagejobs_api.docspage.html import Html, join, tag

Schema = dict[str, Any]
MAX_ENUM_WORDS = 12
"""Words of an enum that are shown; the rest is left out."""


def type_words(schema: Schema) -> Html:
    """Return the type of a value in words; a named schema is a link to its place on the page."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return tag("a", name, href=f"#schema-{name}")
    if "anyOf" in schema or "oneOf" in schema:
        return _join_with(" or ", [type_words(each) for each in schema.get("anyOf") or schema["oneOf"]])
    if "allOf" in schema:
        return _join_with(" and ", [type_words(each) for each in schema["allOf"]])
    if "enum" in schema:
        return _join_with(" ", [tag("code", str(each)) for each in schema["enum"][:MAX_ENUM_WORDS]])
    if "const" in schema:
        return tag(
            "code",
            str(schema["const"]).lower() if isinstance(schema["const"], bool) else str(schema["const"]),
        )
    if schema.get("type") == "array":
        return join(
            "list of ", type_words(schema.get("items", {})), range_words(schema, "minItems", "maxItems")
        )
    return join(
        _plain_words(schema),
        range_words(schema, "minimum", "maximum"),
        range_words(schema, "minLength", "maxLength", " characters"),
    )


def range_words(schema: Schema, least: str, most: str, unit: str = "") -> str:
    """Return a range in words; `least` and `most` are the keywords of its bounds."""
    low, high = schema.get(least), schema.get(most)
    if high is None:
        return f" from {low}" if low else ""
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"


def _plain_words(schema: Schema) -> str:
    if "contentMediaType" in schema and "contentSchema" not in schema:
        return "file"
    types = schema.get("type", "anything")
    words = [types] if isinstance(types, str) else types
    shown = {"string": schema.get("format", "text"), "binary": "file", "null": "null", "object": "object"}
    named = [shown.get(each, each) for each in words]
    return " or ".join("file" if each == "binary" else each for each in named)


def _join_with(between: str, parts: list[Html]) -> Html:
    return Html(between.join(parts))
