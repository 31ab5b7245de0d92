"""HTML from values: whatever is no `Html` is escaped. Pure."""

import re
from collections.abc import Sequence
from html import escape

_CODE = re.compile(r"`([^`]+)`")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str) -> Html:
    """Return an element; `class_` is the attribute `class`, and one whose value is "" stands alone."""
    words = [
        f'{_attribute(key)}="{escape(value)}"' if value else _attribute(key)
        for key, value in attributes.items()
    ]
    return Html(f"<{' '.join([name, *words])}>{join(*children)}</{name}>")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def join(*children: str) -> Html:
    """Return what stands one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def line(text: str) -> Html:
    """Return a text whose words in backticks are code."""
    return Html(_CODE.sub(r"<code>\1</code>", escape(text)))


def prose(text: str) -> Html:
    """Return paragraphs, which empty lines divide."""
    return join(*(tag("p", line(each)) for each in text.split("\n\n") if each.strip()))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Html:
    """Return a table; "" if it has no rows. It scrolls by itself where the page is narrow."""
    if not rows:
        return Html("")
    top = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in head)))
    body = tag("tbody", *(tag("tr", *(tag("td", each) for each in row)) for row in rows))
    return tag("div", tag("table", top, body), class_="wide")
