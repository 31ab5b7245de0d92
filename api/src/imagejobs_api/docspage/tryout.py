"""The form of a call that can be tried on the page. Hidden until the script (`docs.js`) shows it. Pure."""

from typing import Any

from imagejobs_api.docspage.fields import format_default
from imagejobs_api.docspage.html import Html, join, tag

Schema = dict[str, Any]
FORM = "multipart/form-data"
BOOLEANS = ("true", "false")


def is_file(schema: Schema) -> bool:
    """Return whether a field holds one file."""
    return schema.get("format") == "binary"


def can_be_tried(method: str, operation: Schema, fields: Schema) -> bool:
    """Return whether a call has a form: one that only reads, or one that sends a single file.

    Args:
        method: In lower case, as in OpenAPI.
        operation: OpenAPI's operation object.
        fields: The properties of the body; {} without a body.
    """
    content = operation.get("requestBody", {}).get("content", {})
    if method == "get":
        return not content
    has_one_file = sum(map(is_file, fields.values())) == 1
    has_more = any(is_file(each.get("items", {})) for each in fields.values())
    return method == "post" and list(content) == [FORM] and has_one_file and not has_more


def render_tryout(method: str, path: str, parameters: list[Schema], body: Schema) -> Html:
    """Return the form: a field for each parameter of path and query, and for each property of the body.

    Args:
        method: In lower case.
        path: With its parameters in braces.
        parameters: OpenAPI's parameter objects.
        body: The schema of the body; {} without one.
    """
    fields = [
        _render_field(each["name"], each["schema"], each["in"], needed=each.get("required", False))
        for each in parameters
        if each["in"] in ("path", "query")
    ]
    fields += [
        _render_field(name, each, "body", needed=name in body.get("required", ()))
        for name, each in body.get("properties", {}).items()
    ]
    form = tag(
        "form",
        *([tag("div", *fields, class_="fields")] if fields else []),
        tag("p", tag("button", "Send"), " ", tag("span", role="status")),
        tag("pre", tabindex="0", role="group", aria_label="Headers of the answer"),
        tag("pre", tabindex="0", role="group", aria_label="Body of the answer"),
        data_method=method.upper(),
        data_path=path,
    )
    return tag("details", tag("summary", "Try it out"), form, class_="try", hidden="")


def _render_field(name: str, schema: Schema, place: str, *, needed: bool) -> Html:
    mark = join(" ", tag("em", "required")) if needed else ""
    attributes = {"name": name, "data_in": place} | ({"required": ""} if needed else {})
    return tag("label", tag("span", tag("code", name), mark), _render_input(schema, attributes))


def _render_input(schema: Schema, attributes: dict[str, str]) -> Html:
    if is_file(schema):
        return tag("input", type="file", **attributes)
    default = f"{format_default(schema['default'])} (default)" if "default" in schema else ""
    words = BOOLEANS if schema.get("type") == "boolean" else schema.get("enum", ())
    if words:
        unset = tag("option", default, value="")
        return tag("select", unset, *(tag("option", each) for each in words), **attributes)
    hint = {"placeholder": default} if default else {}
    return tag("input", type="text", autocomplete="off", spellcheck="false", **hint, **attributes)
