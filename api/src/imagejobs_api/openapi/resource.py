"""`GET /api/openapi.json`: the document, made once and kept as bytes. Public, as it tells nothing that an answer would not."""

import hashlib

import falcon
from falcon.asgi import Response

from imagejobs_api import jsontext
from imagejobs_api.connection import Request
from imagejobs_api.openapi.asked import Schema

FRESH_SECONDS = 300


class Document:
    """Serves the document."""

    is_public = True

    def __init__(self, document: Schema) -> None:
        self._data = jsontext.dumps(document).encode()
        self._tag = hashlib.sha256(self._data).hexdigest()[:32]

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the document; 304 to who has it."""
        resp.etag = self._tag
        resp.cache_control = ["public", f"max-age={FRESH_SECONDS}"]
        if any(each in ("*", self._tag) for each in req.if_none_match or ()):
            resp.status = 304
            return
        resp.content_type = falcon.MEDIA_JSON
        resp.data = self._data

    on_head = on_get
