"""Finds out by the API key who calls, before the body is read, and refuses writes with a read-only key.

It covers every route. A resource that needs no key says so by `is_public`; one that is opened by something
else than a key has a method `identify`, which returns the caller.
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
        callers: None lets every caller in, without a key.
        namespace: Where the jobs of callers without a key are.
    """

    def __init__(self, callers: CallersFile | None, namespace: str) -> None:
        self._callers = callers
        self._anonymous = Caller(namespace)

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse a request without a valid key (401), or whose key may not do this (403)."""
        identify = getattr(resource, "identify", None)
        if identify is not None:
            req.context.caller = identify(req, params)
            return
        if self._callers is None or is_public(resource) or req.method == "OPTIONS":
            req.context.caller = self._anonymous
            return
        req.context.caller = caller = self._find(self._callers, req, resp)
        logs.bind(caller=caller.name)
        if not caller.may_write and req.method not in READ_METHODS:
            raise Problem(Code.FORBIDDEN, "This API key may only read.")

    def _find(self, callers: CallersFile, req: Request, resp: Response) -> Caller:
        given = req.get_header("Authorization") or ""
        scheme, _, key = given.partition(" ")
        token = scheme.lower() == SCHEME and api_keys.TOKEN.fullmatch(key.strip())
        caller = callers.find(token[0]) if token else None
        if caller is None:
            # RFC 6750, section 3: a request without credentials gets no error code.
            error = ', error="invalid_token"' if given else ""
            resp.set_header("WWW-Authenticate", f'Bearer realm="imagejobs"{error}')
            message = "" if given else "Send an API key: `Authorization: Bearer ijk_...`."
            raise Problem(Code.UNAUTHORIZED, message)
        return caller
