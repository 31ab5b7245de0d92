"""Bodies that name the address they are served at, so that a reader can copy their examples and run them.

The body for an address is made at its first request, and cached. Both resources that use this are public, and
a client can invent any Host: so a body must be cheap to make, and the cache is small.
"""

from collections.abc import Callable
from functools import lru_cache

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.host_list import HostList
from imagejobs_api.http.static_body import StaticBody
from imagejobs_api.view.links import Links

MAX_ADDRESSES = 16
"""Addresses whose bodies are cached, about 330 kB each; a server has two or three."""


class ServedAddress:
    """Finds the address at which a request reached this server: PUBLIC_URL, or else the request's own Host.

    Args:
        hosts: The Hosts that are shown. Another one, by which a foreign name may lead here (DNS rebinding),
            is not repeated to the reader as if it were ours.
    """

    def __init__(self, links: Links, hosts: HostList) -> None:
        self._links = links
        self._hosts = hosts

    def base_url(self, req: Request) -> str:
        """Return the beginning of links to this server; "" if the Host is malformed or not allowed."""
        try:
            base = self._links.base_url(req)
        except Problem:
            return ""
        return base if self._links.has_public_url or self._hosts.allows(req.host) else ""


class BodyPerAddress:
    """Answers with a body made for the address of the request; lives as long as the app.

    Args:
        render: Returns the body for a base URL; "" asks for one that names no particular address.
    """

    def __init__(self, address: ServedAddress, render: Callable[[str], bytes], content_type: str) -> None:
        self._address = address
        self._body = lru_cache(MAX_ADDRESSES)(lambda base: StaticBody(render(base), content_type))

    def respond(self, req: Request, resp: Response) -> None:
        """Answer with the body, or 304 if the client has it."""
        self._body(self._address.base_url(req)).respond(req, resp)
