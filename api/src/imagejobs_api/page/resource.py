"""`GET /`, `/jobs/{ids}` and `/assets/{name}`: the page for people. Public: it holds nothing but itself.

The page asks the calls of this API, with the key that its reader gives it. Its policy lets it load scripts
and styles from here only, and pictures from here and from the S3 that download links lead to.
"""

import asyncio
from urllib.parse import urlsplit

import falcon
from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_api.page.site import ASSET_SECONDS, Site
from imagejobs_api.view.links import Links
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageJobsError

MISSING = "The page was not built into this server (make web). The calls are described at /docs."


class PageView:
    """Answers with the page, whose script then looks at the address.

    Args:
        site: None answers 404.
    """

    is_public = True

    def __init__(self, site: Site | None, links: Links) -> None:
        self._site = site
        self._links = links
        self._pictures_origin = ""

    def is_wanted(self, req: Request) -> bool:
        """Return whether a browser asks for a page, at an address that answers programs with JSON."""
        html = req.client_prefers((falcon.MEDIA_JSON, falcon.MEDIA_HTML)) == falcon.MEDIA_HTML
        return self._site is not None and html

    async def on_get(self, req: Request, resp: Response, ids: str = "") -> None:
        """Answer with the page."""
        if self._site is None:
            raise Problem(Code.NOT_FOUND, MISSING)
        resp.set_header("Content-Security-Policy", await self._policy())
        resp.set_header("Cache-Control", "no-cache")
        self._site.index.respond(req, resp)

    on_head = on_get

    async def _policy(self) -> str:
        pictures = " ".join(filter(None, ["'self'", "blob:", "data:", await self._origin_of_links()]))
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def _origin_of_links(self) -> str:
        """Return the origin of S3 as browsers reach it; "" if no link can be signed now."""
        if not self._pictures_origin:
            try:
                parts = urlsplit(await asyncio.to_thread(self._links.sign_sample))
            except ImageJobsError:
                return ""
            self._pictures_origin = f"{parts.scheme}://{parts.netloc}"
        return self._pictures_origin


class Assets:
    """Answers with the scripts, styles and pictures of the page."""

    is_public = True

    def __init__(self, site: Site | None) -> None:
        self._assets = site.assets if site else {}

    async def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Answer with the asset, which never changes under its name."""
        asset = self._assets.get(name)
        if asset is None:
            raise Problem(Code.NOT_FOUND, "The page has no such part: load it again.")
        resp.set_header("Cache-Control", f"public, max-age={ASSET_SECONDS}, immutable")
        asset.respond(req, resp)

    on_head = on_get
