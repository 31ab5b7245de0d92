"""Protection against browsers and the pages in them: Host, security headers, CORS, other sites' forms."""

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
"""Set unless an answer, such as the page of the documentation, has its own."""
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
    """Falcon middleware: browsers neither guess the type of an answer, nor frame it, nor run it."""

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Set the headers that the answer does not have yet."""
        for name, value in SECURITY_HEADERS.items():
            if resp.get_header(name) is None:
                resp.set_header(name, value)


class AllowedHosts:
    """Falcon middleware: refuses requests for another host name, against DNS rebinding.

    Public resources are always answered, because probes come by address.

    Args:
        allowed: Names without ports, addresses (IPv6 with or without brackets), or `*.example.org` for all
            names below one. () allows every name.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = tuple(each.lower().strip("[]") for each in allowed)

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse a request whose Host is not allowed."""
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
    """Falcon middleware: refuses writes from the pages of other sites, where callers need no key.

    A page can send a form to any address without asking first (no preflight), and a browser on this machine
    reaches servers that listen for this machine alone. Browsers say in `Sec-Fetch-Site` (W3C Fetch Metadata)
    where a request comes from, but only to https and to localhost; with writes they all send `Origin`. Other
    programs send neither.

    Args:
        origins: Origins whose pages may write.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = origins

    async def process_resource(
        self, req: Request, resp: Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse a write that comes from a page of another site."""
        if req.method in SAFE_METHODS or not _is_from_another_site(req):
            return
        if "*" not in self._origins and req.get_header("Origin") not in self._origins:
            raise Problem(
                Code.FORBIDDEN,
                "Pages of other sites may not send anything here; CORS_ORIGINS names those that may.",
            )


def _is_from_another_site(req: Request) -> bool:
    """Return whether a page of another origin sent the request.

    A page of the same site is another's too: on a machine, each port is somebody's.
    """
    if site := req.get_header("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = req.get_header("Origin")
    # By Host alone: behind a proxy that ends TLS the scheme differs.
    return (
        origin is not None
        and origin.partition("://")[2].lower() != req.get_header("Host", default="").lower()
    )


class VaryOrigin:
    """Falcon middleware: caches keep an answer for each origin (Fetch, "CORS protocol and HTTP caches").

    Otherwise a cache would give one origin an answer whose headers let only another origin read it.
    """

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Add `Vary: Origin`."""
        resp.append_header("Vary", "Origin")


def cors_middleware(origins: tuple[str, ...]) -> list[object]:
    """Return the middleware that lets pages of these origins read answers; by default there is none.

    Cookies are never allowed, because they are not used.
    """
    if "*" in origins:
        return [falcon.CORSMiddleware("*", EXPOSED_HEADERS)]
    return [VaryOrigin(), falcon.CORSMiddleware(origins, EXPOSED_HEADERS)] if origins else []
