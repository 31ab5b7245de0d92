"""A response body built once and served with an ETag, so that clients that have it get 304."""

import hashlib

from falcon.asgi import Response

from imagejobs_api.http.connection import Request

MAX_AGE_SECONDS = 300
"""How long a client may reuse the body without asking."""


class StaticBody:
    """Bytes that never change, and their media type."""

    def __init__(self, data: bytes, content_type: str) -> None:
        self._data = data
        self._content_type = content_type
        self._tag = hashlib.sha256(data).hexdigest()[:32]

    def respond(self, req: Request, resp: Response) -> None:
        """Answer with the body, or 304 if the request names its ETag."""
        resp.etag = self._tag
        resp.cache_control = ["public", f"max-age={MAX_AGE_SECONDS}"]
        if any(each in ("*", self._tag) for each in req.if_none_match or ()):
            resp.status = 304
            return
        resp.content_type = self._content_type
        resp.data = self._data
