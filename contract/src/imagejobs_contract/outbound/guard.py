"""The address guard: connects to the host of a user's URL only if that host is public.

It connects to the very address that it checked: a name is resolved once and every address of it is checked,
so a name that resolves differently a moment later (rebinding) changes nothing. It is used for the sources of
images and for callbacks, and for nothing else. It knows nothing of HTTP, and never uses proxies of the
environment.

It is ours because of its table (`address`): ssrfguard 0.4 does not know Azure's platform address and
ISATAP, and safehttpx asks Google's resolver, which knows no name of a private network (ADR 16).
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from imagejobs_contract.errors import Refused
from imagejobs_contract.outbound.address import embedded_ipv4, is_public, parse_literal
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.outbound.url import Url

Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> addresses; raises OSError."""
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MAX_ADDRESSES = 4
"""Addresses of one host that are tried."""
MAX_PARALLEL_LOOKUPS = 8
"""Names that are resolved at the same time."""


class SystemResolver:
    """Resolves names with the system's resolver, in threads of its own.

    A stranger's name may take half a minute, and files and databases wait in asyncio's default threads.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_PARALLEL_LOOKUPS, "resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return a host's addresses in the order in which the system would try them."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class AddressGuard:
    """Connects to public hosts, and to no others.

    Args:
        policy: The private networks and the ports that may be reached too.
        resolve: Finds addresses; tests pass their own.
        tls: None means the system's certificate authorities.
    """

    def __init__(
        self,
        policy: EgressPolicy = EgressPolicy(),  # noqa: B008
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._by_caller: dict[str, AddressGuard] = {}
        self._private: Sequence[Network] = tuple(map(ip_network, policy.private))
        self._ports = policy.ports
        self._dns64 = IPv6Network(policy.dns64) if policy.dns64 else None
        self._resolve = resolve or SystemResolver()
        self._tls = tls

    def for_caller(self, caller: str) -> "AddressGuard":
        """Return the guard of one caller, who may be allowed private networks of its own."""
        own = tuple(network for name, network in self._policy.private_of if caller and name == caller)
        if not own:
            return self
        if caller not in self._by_caller:
            policy = replace(self._policy, private=self._policy.private + own, private_of=())
            self._by_caller[caller] = AddressGuard(policy, self._resolve, self._tls)
        return self._by_caller[caller]

    def permits(self, address: str) -> bool:
        """Return whether a connection to an address is allowed."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if (
            isinstance(parsed, IPv6Address)
            and self._dns64
            and parsed.scope_id is None
            and parsed in self._dns64
        ):
            parsed = embedded_ipv4(parsed)
        return is_public(parsed) or any(parsed in network for network in self._private)

    def check(self, target: Url) -> None:
        """Refuse a URL that can be refused without a resolver: by its port, or by a host that is an address.

        Raises:
            Refused: The message says no more than the URL did.
        """
        if not any(first <= target.port <= last for first, last in self._ports):
            raise Refused(f"port {target.port} is not one that a URL may lead to")
        address = parse_literal(target.host)
        if address is not None and not self.permits(address):
            raise Refused(f"{target.host} is not a public host")

    async def addresses(self, target: Url) -> Sequence[str]:
        """Resolve a host, once.

        Raises:
            Refused: As `check`, or a connection to one of its addresses is not allowed. The message does not
                name the address.
            OSError: The name does not resolve.
        """
        self.check(target)
        found = await self._resolve(target.host, target.port)
        if not found or not all(map(self.permits, found)):
            raise Refused(f"{target.host} is not a public host")
        return found[:MAX_ADDRESSES]

    async def connect(self, target: Url, seconds: float) -> Connection:
        """Connect to the first checked address that answers.

        Args:
            seconds: For resolving and for all addresses together.

        Raises:
            Refused: As `addresses`.
            OSError: No address answers, or TLS does not verify for the host's name. `TimeoutError` is one.
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

    async def _open(self, address: str, target: Url) -> Connection:
        if not target.secure:
            return await asyncio.open_connection(address, target.port)
        self._tls = self._tls or ssl.create_default_context()
        return await asyncio.open_connection(address, target.port, ssl=self._tls, server_hostname=target.host)
