"""`GET /docs`: the page, made once. Public, as the document is."""

import base64
import hashlib
from importlib.resources import files

import falcon
from falcon.asgi import Response

from imagejobs_api.docspage.page import Schema, page
from imagejobs_api.http.connection import Request
from imagejobs_api.http.static_body import StaticBody

STYLE = "style.css"


class Docs:
    """Serves the page."""

    is_public = True

    def __init__(self, document: Schema) -> None:
        style = files("imagejobs_api.docspage").joinpath(STYLE).read_text()
        self._page = StaticBody(page(document, style).encode(), falcon.MEDIA_HTML)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the page, which may show nothing but itself."""
        resp.set_header("Content-Security-Policy", self._policy)
        self._page.respond(req, resp)

    on_head = on_get
