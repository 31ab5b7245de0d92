"""The files of the built page, read once, compressed once, and answered with their headers."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from falcon.asgi import Response

from imagejobs_api.http.connection import Request

FOLDER, INDEX, ASSETS = "site", "index.html", "assets"
ASSET_SECONDS = 365 * 86_400
"""An asset's name has a hash of its content: another content has another name."""
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file.

    Attributes:
        zipped: The same, compressed by gzip.
        tag: The ETag.
    """

    data: bytes
    zipped: bytes
    content_type: str
    tag: str

    @classmethod
    def read(cls, file: Traversable) -> "SiteFile":
        """Read a file; its name ends with one of `CONTENT_TYPES`."""
        data = file.read_bytes()
        kind = CONTENT_TYPES[file.name[file.name.rindex(".") :]]
        return cls(data, gzip.compress(data, 9, mtime=0), kind, hashlib.sha256(data).hexdigest()[:32])

    def respond(self, req: Request, resp: Response) -> None:
        """Answer with the file, compressed if the client takes that, or 304 if it has the file."""
        takes_gzip = "gzip" in (req.get_header("Accept-Encoding") or "")
        tag = f"{self.tag}-gzip" if takes_gzip else self.tag
        resp.etag = tag
        resp.append_header("Vary", "Accept-Encoding")
        if any(each in ("*", tag) for each in req.if_none_match or ()):
            resp.status = 304
            return
        resp.content_type = self.content_type
        if takes_gzip:
            resp.set_header("Content-Encoding", "gzip")
        resp.data = self.zipped if takes_gzip else self.data


@dataclass(frozen=True, slots=True)
class Site:
    """The whole page.

    Attributes:
        assets: Name -> file.
    """

    index: SiteFile
    assets: Mapping[str, SiteFile]


def load_site(folder: Traversable | None = None) -> Site | None:
    """Return the page as it was built into this package, or into another folder; None if it was not."""
    folder = folder or files("imagejobs_api.page").joinpath(FOLDER)
    if not folder.joinpath(INDEX).is_file():
        return None
    assets = {each.name: SiteFile.read(each) for each in folder.joinpath(ASSETS).iterdir()}
    return Site(SiteFile.read(folder.joinpath(INDEX)), assets)
