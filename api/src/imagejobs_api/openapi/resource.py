"""`GET /api/openapi.json`: the document. Public, because it says nothing that an answer would not."""

import falcon
from falcon.asgi import Response

from imagejobs_api.http import json_io
from imagejobs_api.http.connection import Request
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.openapi.served_address import BodyPerAddress, ServedAddress


class Document:
    """Serves the document; its `servers` is the address of the request."""

    is_public = True

    def __init__(self, document: Schema, address: ServedAddress) -> None:
        def render(base: str) -> bytes:
            servers = [{"url": base}] if base else document["servers"]
            return json_io.dumps({**document, "servers": servers}).encode()

        self._body = BodyPerAddress(address, render, falcon.MEDIA_JSON)

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the document."""
        self._body.respond(req, resp)

    on_head = on_get
