"""Parses a user's URL into host, port and request target, in plain ASCII that has only one reading.

Nothing is resolved here.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from imagejobs_contract.errors import Refused
from imagejobs_contract.outbound.address import parse_literal

MAX_LENGTH = 8192
"""Characters of a URL, redirects included; servers take that many."""
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)
_PATH = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class Url:
    """A parsed URL: scheme, host, port, and the request target for that host."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[bool, str, int]:
        """Return what two URLs of the same site have in common: scheme, host and port."""
        return self.secure, self.host, self.port

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def read_url(url: str) -> Url:
    """Read an http(s) URL.

    Raises:
        Refused: It is none, or carries a user name.
    """
    try:
        parts = urlsplit(url if len(url) <= MAX_LENGTH else "")
        host, port = _ascii_host(parts), parts.port
        parse_literal(host)
    except ValueError as ex:
        raise Refused("the URL is malformed") from ex
    if parts.scheme not in ("http", "https"):
        raise Refused("only http and https URLs are fetched")
    if "@" in parts.netloc:
        raise Refused("a URL with a user name or password is not fetched")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_PATH) + (
        f"?{quote(parts.query, safe=_PATH)}" if parts.query else ""
    )
    return Url(secure, host, port if port is not None else 443 if secure else 80, path)


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "%" in host:
        raise ValueError("a host with a zone")
    if ":" in host:
        return host
    # Full-width digits and dots become plain ones here, so that what is looked at is what is resolved.
    name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    if not _HOST.fullmatch(name):
        raise ValueError("no host, or one with other characters than names have")
    return name
