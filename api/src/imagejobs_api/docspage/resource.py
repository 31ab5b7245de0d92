"""`GET /docs`: the page, and its script. Public, because the document is."""

import base64
import hashlib
from html import escape
from importlib.resources import files

import falcon
from falcon.asgi import Response

from imagejobs_api.docspage.curl import DEFAULT_ADDRESS
from imagejobs_api.docspage.page import Schema, render_page
from imagejobs_api.http.connection import Request
from imagejobs_api.http.static_body import StaticBody
from imagejobs_api.openapi.served_address import BodyPerAddress, ServedAddress

STYLE, SCRIPT = "style.css", "docs.js"


class Docs:
    """Serves the page; its commands and example answers name the address of the request.

    The page is rendered once, with `DEFAULT_ADDRESS`, which takes 35 ms. For each address of a request that
    address is replaced in the text, which takes less than 1 ms.
    """

    is_public = True

    def __init__(self, document: Schema, address: ServedAddress) -> None:
        style = _read(STYLE)
        text = render_page({**document, "servers": [{"url": DEFAULT_ADDRESS}]}, style)

        def render(base: str) -> bytes:
            return text.replace(escape(DEFAULT_ADDRESS), escape(base or DEFAULT_ADDRESS)).encode()

        self._body = BodyPerAddress(address, render, falcon.MEDIA_HTML)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the page, which may load its script and ask this server, and nothing else."""
        resp.set_header("Content-Security-Policy", self._policy)
        self._body.respond(req, resp)

    on_head = on_get


class DocsScript:
    """Serves the script of the page."""

    is_public = True

    def __init__(self) -> None:
        self._body = StaticBody(_read(SCRIPT).encode(), "text/javascript; charset=utf-8")

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the script."""
        self._body.respond(req, resp)

    on_head = on_get


def _read(name: str) -> str:
    return files("imagejobs_api.docspage").joinpath(name).read_text()
