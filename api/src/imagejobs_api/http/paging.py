"""Lists in pages: reading their queries, and the link to the next page. Pure."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from falcon.asgi import Response

from imagejobs_contract.reader import Reader


def query_reader(params: Mapping[str, str | list[str]], known: Iterable[str]) -> Reader:
    """Return a reader of a query that may have these parameters; an empty one counts as not given."""
    reader = Reader({name: value for name, value in params.items() if value != ""})
    reader.unknown(known)
    return reader


def link_next(resp: Response, url: str, query: Mapping[str, object]) -> None:
    """Add the link to the next page (RFC 8288); parameters without a value are left out."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    resp.append_link(f"{url}?{urlencode(given)}", "next")
