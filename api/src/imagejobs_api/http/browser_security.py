"""What browsers are told, and told to leave alone: Host, security headers, other origins and sites."""

import fnmatch
from typing import Any

import falcon
from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.http.public import is_public
from imagejobs_contract.codes import Code

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Frame-Options": "DENY",
}
"""Unless an answer, such as a page, has one of its own."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
EXPOSED_HEADERS = (
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)


class SecurityHeaders:
    """Falcon middleware: no answer is taken for anything but what it says it is."""

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Set the headers."""
        for name, value in SECURITY_HEADERS.items():
            if resp.get_header(name) is None:
                resp.set_header(name, value)


class AllowedHosts:
    """Falcon middleware: a name of somebody else's that leads here (DNS rebinding) is not answered.

    Args:
        allowed: Names without ports, addresses (IPv6 in brackets or without), `*.example.org` for all below
            one. Probes, which come by address, are always answered.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = tuple(each.lower().strip("[]") for each in allowed)

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse other hosts."""
        if (
            self._allowed
            and not is_public(resource)
            and not any(fnmatch.fnmatchcase(req.host.lower(), each) for each in self._allowed)
        ):
            raise Problem(
                Code.MALFORMED_REQUEST,
                "Nothing is served under this Host; ALLOWED_HOSTS names those that are.",
            )


class CrossSiteGuard:
    """Falcon middleware: the pages of other sites may not write where callers need no key.

    A form needs nobody's permission to be sent (no preflight), and a browser on this machine reaches what
    listens for this machine alone. Browsers say by `Sec-Fetch-Site` (W3C Fetch Metadata) where a request
    comes from; programs say nothing.

    Args:
        origins: Whose pages may all the same.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = origins

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse them."""
        if req.method in SAFE_METHODS or req.get_header("Sec-Fetch-Site") != "cross-site":
            return
        if "*" not in self._origins and req.get_header("Origin") not in self._origins:
            raise Problem(
                Code.FORBIDDEN,
                "Pages of other sites may not send anything here; CORS_ORIGINS names those that may.",
            )


class VaryOrigin:
    """Falcon middleware: what a cache keeps for one origin does not go to another, which could not read it (Fetch, "HTTP caches")."""

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Say so."""
        resp.append_header("Vary", "Origin")


def cors_middleware(origins: tuple[str, ...]) -> list[object]:
    """Return the middleware that lets pages of these origins read answers: none by default.

    Never with cookies, which are not used.
    """
    if "*" in origins:
        return [falcon.CORSMiddleware("*", EXPOSED_HEADERS)]
    return [VaryOrigin(), falcon.CORSMiddleware(origins, EXPOSED_HEADERS)] if origins else []
