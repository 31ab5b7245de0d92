"""Lets a request through once it is known who asks, and what the key may do.

Before the body is read, and for every route: one that needs no key says so itself, by `is_public`.
"""

from typing import Any

from falcon.asgi import Response

from imagejobs_api.callers import api_keys
from imagejobs_api.callers.caller import Caller
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.public import is_public
from imagejobs_contract.codes import Code
from imagejobs_contract.runtime import logs

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SCHEME = "bearer"


class Authentication:
    """Falcon middleware. Puts the `Caller` into `req.context.caller`, where `Request.caller` finds it.

    Args:
        callers: None lets anybody in.
        namespace: Of jobs of anybody.
    """

    def __init__(self, callers: CallersFile | None, namespace: str) -> None:
        self._callers = callers
        self._anybody = Caller(namespace)

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse who may not ask for this."""
        if self._callers is None or is_public(resource) or req.method == "OPTIONS":
            req.context.caller = self._anybody
            return
        req.context.caller = caller = self._find(self._callers, req, resp)
        logs.bind(caller=caller.name)
        if not caller.may_write and req.method not in READ_METHODS:
            raise Problem(Code.FORBIDDEN, "This API key may only read.")

    def _find(self, callers: CallersFile, req: Request, resp: Response) -> Caller:
        given = req.get_header("Authorization") or ""
        scheme, _, key = given.partition(" ")
        shown = scheme.lower() == SCHEME and api_keys.TOKEN.fullmatch(key.strip())
        caller = callers.find(shown[0]) if shown else None
        if caller is None:
            # RFC 6750, section 3: who showed nothing is told no error.
            resp.set_header(
                "WWW-Authenticate", 'Bearer realm="imagejobs"' + (', error="invalid_token"' if given else "")
            )
            raise Problem(
                Code.UNAUTHORIZED, "Send an API key: `Authorization: Bearer ijk_...`." if not given else ""
            )
        return caller
