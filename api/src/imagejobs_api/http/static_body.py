"""Something that is made once and told many times: bytes, a type, and a tag by which those who have it are spared it."""

import hashlib

from falcon.asgi import Response

from imagejobs_api.http.connection import Request

MAX_AGE_SECONDS = 300


class StaticBody:
    """Bytes that never change."""

    def __init__(self, data: bytes, content_type: str) -> None:
        self._data = data
        self._content_type = content_type
        self._tag = hashlib.sha256(data).hexdigest()[:32]

    def respond(self, req: Request, resp: Response) -> None:
        """Answer with it; 304 to who has it."""
        resp.etag = self._tag
        resp.cache_control = ["public", f"max-age={MAX_AGE_SECONDS}"]
        if any(each in ("*", self._tag) for each in req.if_none_match or ()):
            resp.status = 304
            return
        resp.content_type = self._content_type
        resp.data = self._data
