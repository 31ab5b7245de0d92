"""The page, made from the document. Pure."""

from typing import Any

from imagejobs_api.docspage import calls
from imagejobs_api.docspage.curl import base_address
from imagejobs_api.docspage.fields import render_fields
from imagejobs_api.docspage.html import Html, copyable, join, line, prose, tag
from imagejobs_api.docspage.words import type_words
from imagejobs_api.jobs.copy_as import KEY_VARIABLE

Schema = dict[str, Any]
META = Html(
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
)


SCRIPT_PATH = "/docs/docs.js"
SEARCH_HINT = "path, parameter, error code (press /)"


def render_page(document: Schema, style: str) -> str:
    """Return the whole page.

    Args:
        document: The OpenAPI document.
        style: The style sheet, which becomes part of the page.
    """
    info = document["info"]
    head = tag(
        "head",
        META,
        tag("title", f"{info['title']} API"),
        tag("style", Html(style)),
        tag("script", src=SCRIPT_PATH, defer=""),
    )
    body = tag(
        "body",
        _render_tools(document),
        _render_header(document),
        _render_contents(document),
        tag("main", *_render_groups(document), _render_schemas(document)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _render_tools(document: Schema) -> Html:
    """Return the bar for the search and the key, hidden until the script shows it."""
    search = _render_input(
        "Search calls", "search", type="search", placeholder=SEARCH_HINT, aria_keyshortcuts="/"
    )
    found = tag("span", id="found", role="status")
    key = _render_input("API key", "key", type="password")
    told = tag("span", id="told", role="status", class_="unseen")
    return tag(
        "div",
        search,
        found,
        *([key] if _has_keys(document) else []),
        told,
        class_="tools",
        role="search",
        hidden="",
    )


def _render_input(label: str, id_: str, **attributes: str) -> Html:
    return tag("label", label, tag("input", id=id_, autocomplete="off", spellcheck="false", **attributes))


def _render_header(document: Schema) -> Html:
    info = document["info"]
    links = tag(
        "p",
        tag("a", "openapi.json", href="/api/openapi.json"),
        f" · OpenAPI {document['openapi']} · version {info['version']}",
        class_="facts",
    )
    return tag(
        "header",
        tag("h1", f"{info['title']} API"),
        links,
        copyable(tag("p", "Base URL ", tag("code", base_address(document)))),
        *([_render_key_header()] if _has_keys(document) else []),
        calls.first_command(document),
        prose(info["description"]),
    )


def _has_keys(document: Schema) -> bool:
    return "securitySchemes" in document["components"]


def _render_key_header() -> Html:
    return tag(
        "p", line(f"Key header `Authorization: Bearer ijk_...`, in the commands from `${KEY_VARIABLE}`.")
    )


def _render_contents(document: Schema) -> Html:
    groups = [
        join(
            tag("h2", each["name"]),
            tag(
                "ul",
                *(
                    tag("li", tag("a", call.summary, href=f"#{call.id}"))
                    for call in calls.calls_with_tag(document, each["name"])
                ),
            ),
        )
        for each in document["tags"]
    ]
    return tag("nav", *groups, tag("h2", tag("a", "schemas", href="#schemas")), aria_label="Contents")


def _render_groups(document: Schema) -> list[Html]:
    return [
        tag(
            "section",
            tag("h2", each["name"], id=each["name"]),
            prose(each["description"]),
            *map(calls.render_call, calls.calls_with_tag(document, each["name"])),
        )
        for each in document["tags"]
    ]


def _render_schemas(document: Schema) -> Html:
    found = document["components"]["schemas"]
    return tag(
        "section",
        tag("h2", "schemas", id="schemas"),
        *(_render_schema(name, schema) for name, schema in sorted(found.items())),
    )


def _render_schema(name: str, schema: Schema) -> Html:
    if "properties" in schema:
        content = render_fields(schema)
    else:
        content = (
            tag("p", type_words(schema))
            if "enum" not in schema
            else tag("p", *[join(tag("code", each), " ") for each in schema["enum"]])
        )
    return tag("article", tag("h3", name), prose(schema.get("description", "")), content, id=f"schema-{name}")
