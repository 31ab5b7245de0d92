"""HTML from values: every text that is not `Html` is escaped. Pure."""

import re
from collections.abc import Sequence
from html import escape

VOID = ("input",)
"""Elements without an end tag."""
_CODE = re.compile(r"`([^`]+)`")


class Html(str):
    """Text that is HTML already, and so not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """Return an element; `class_` sets the attribute `class`, and "" gives an attribute without a value."""
    words = [
        f'{_attribute(key)}="{escape(value)}"' if value else _attribute(key)
        for key, value in attributes.items()
    ]
    start = Html(f"<{' '.join([name, *words])}>")
    return start if name in VOID else Html(f"{start}{join(*children)}</{name}>")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def join(*children: str) -> Html:
    """Return the children, one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def line(text: str) -> Html:
    """Return a text, with the words in backticks as code."""
    return Html(_CODE.sub(r"<code>\1</code>", escape(text)))


def prose(text: str) -> Html:
    """Return a text as paragraphs, which empty lines separate."""
    return join(*(tag("p", line(each)) for each in text.split("\n\n") if each.strip()))


def copyable(shown: Html) -> Html:
    """Return an element with a button that copies its text; the script of the page shows the button."""
    return tag("div", shown, tag("button", "Copy", type="button", hidden=""), class_="copyable")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Html:
    """Return a table that scrolls on a narrow page; "" if it has no rows."""
    if not rows:
        return Html("")
    top = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in head)))
    body = tag("tbody", *(tag("tr", *(tag("td", each) for each in row)) for row in rows))
    return tag("div", tag("table", top, body), class_="wide")
