"""The address guard: which hosts a URL of a user may lead to, and a connection that goes to the checked address only.

For the sources of images and for callbacks. It resolves a name once, checks every address by its own table and connects to what was checked, so
that a name which resolves differently a moment later (rebinding) changes nothing. It knows nothing of HTTP beyond a URL; proxies of the environment
are never used. Python's own `is_global` is not enough: it lets NAT64, 6to4, ISATAP and cloud platforms' addresses through (GHSA-vv3m-f8x4-7377).
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urlsplit

from imagejobs_contract.errors import Refused

Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> addresses; raises OSError."""

REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's platform endpoint, in public space
        ),
    )
)  # fmt: skip
"""IANA's special-purpose registry, but for what it calls globally reachable."""
UNICAST_V6 = IPv6Network("2000::/3")
"""All that IANA has given out; mapped, NAT64, link-local, unique local, site-local and multicast addresses lie outside."""
REFUSED_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Teredo and other protocol assignments, documentation, 6to4."""
ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""Third quarter of an address that carries an IPv4 address in its last (RFC 5214, section 6.1)."""
MAX_ADDRESSES = 4
"""Addresses of a host that are tried."""
_PATH = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: the host by the name it is asked for, and what is asked of it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Read an http(s) URL.

    Raises:
        Refused: It is none, or carries a user name.
    """
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts), parts.port
    except ValueError as ex:
        raise Refused("the URL is malformed") from ex
    if parts.scheme not in ("http", "https"):
        raise Refused("only http and https URLs are fetched")
    if "@" in parts.netloc:
        raise Refused("a URL with a user name or password is not fetched")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_PATH) + (f"?{quote(parts.query, safe=_PATH)}" if parts.query else "")
    return Target(secure, host, port if port is not None else 443 if secure else 80, path)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is global unicast by the tables above."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address.scope_id is not None or address not in UNICAST_V6 or any(address in network for network in REFUSED_V6):
        return False
    return int(address) >> 32 & 0xFFFFFFFF not in ISATAP


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return a host's addresses in the order in which the system would try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class Guard:
    """Connects to public hosts, and to none else.

    Args:
        private: Networks that may be reached though they are not public, for sources inside the cluster.
        resolve: Finds addresses; tests hand in their own.
        tls: None means the system's certificate authorities.
    """

    def __init__(self, private: Sequence[Network] = (), resolve: Resolver = system_resolve, tls: ssl.SSLContext | None = None) -> None:
        self._private = tuple(private)
        self._resolve = resolve
        self._tls = tls

    def permits(self, address: str) -> bool:
        """Tell whether an address may be connected to."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return is_public(parsed) or any(parsed in network for network in self._private)

    async def addresses(self, target: Target) -> Sequence[str]:
        """Resolve a host, once.

        Raises:
            Refused: One of its addresses may not be connected to. The message does not name it.
            OSError: The name does not resolve.
        """
        found = await self._resolve(target.host, target.port)
        if not found or not all(map(self.permits, found)):
            raise Refused(f"{target.host} is not a public host")
        return found[:MAX_ADDRESSES]

    async def connect(self, target: Target, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first checked address that answers, within a time for resolving and for all of them.

        Raises:
            Refused: As `addresses`.
            OSError: None answers, or TLS does not verify for the host's name. `TimeoutError` is one.
        """
        async with asyncio.timeout(seconds):
            found = await self.addresses(target)
            for address in found[:-1]:
                try:
                    async with asyncio.timeout(seconds / len(found)):
                        return await self._open(address, target)
                except OSError:
                    continue
            return await self._open(found[-1], target)

    async def _open(self, address: str, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not target.secure:
            return await asyncio.open_connection(address, target.port)
        self._tls = self._tls or ssl.create_default_context()
        return await asyncio.open_connection(address, target.port, ssl=self._tls, server_hostname=target.host)


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host or "%" in host:
        raise ValueError("no host, or one with a zone")
    return host if ":" in host else host.encode("idna").decode("ascii").lower()
