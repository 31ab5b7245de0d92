"""`GET /api/openapi.json`: the document, made once. Public, as it tells nothing that an answer would not."""

import falcon
from falcon.asgi import Response

from imagejobs_api.http import json_text
from imagejobs_api.http.connection import Request
from imagejobs_api.http.static_body import Kept
from imagejobs_api.openapi.request_schema import Schema


class Document:
    """Serves the document."""

    is_public = True

    def __init__(self, document: Schema) -> None:
        self._document = Kept(json_text.dumps(document).encode(), falcon.MEDIA_JSON)

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the document."""
        self._document.tell(req, resp)

    on_head = on_get
