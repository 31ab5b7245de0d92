"""Which addresses are public, by a table of our own, and which spellings of a host are addresses.

Pure; nothing is resolved here.

Python's `is_global` is not enough: it lets NAT64, 6to4, ISATAP and cloud platforms' addresses through
(GHSA-vv3m-f8x4-7377).
"""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's platform endpoint, in public space
        ),
    )
)  # fmt: skip
"""IANA's special-purpose registry, without the networks that it calls globally reachable."""
UNICAST_V6 = IPv6Network("2000::/3")
"""All addresses that IANA has allocated; mapped, NAT64, link-local, unique local, site-local and multicast
addresses are outside.
"""
REFUSED_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Teredo and other protocol assignments, documentation, 6to4."""
ISATAP, ISATAP_BITS = 0x00005EFE, 0xFCFFFFFF
"""Third quarter of an address that carries an IPv4 address in its last, whatever its u and g bits are (RFC
5214, section 6.1).
"""

_NUMBER_LAST = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)", re.ASCII)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is global unicast by the tables above."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if (
        address.scope_id is not None
        or address not in UNICAST_V6
        or any(address in network for network in REFUSED_V6)
    ):
        return False
    return int(address) >> 32 & ISATAP_BITS != ISATAP


def parse_literal(host: str) -> str | None:
    """Return the address that a host is by itself, or None if it is a name, which needs a resolver.

    Decimal, octal, hexadecimal and short spellings count, because the system's own resolver reads them.
    `localhost` is loopback (RFC 6761).

    Raises:
        ValueError: It ends in a number, which no name does, but is not an address (URL standard, "ends in a
            number checker").
    """
    if ":" in host:
        return host
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    if not _NUMBER_LAST.fullmatch(host):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError as ex:
        raise ValueError("a host that ends in a number is no name") from ex


def embedded_ipv4(address: IPv6Address) -> IPv4Address:
    """Return the IPv4 address in the last 32 bits of an IPv6 address.

    DNS64 puts it there under a prefix of 96 bits (RFC 6052, section 2.2).
    """
    return IPv4Address(int(address) & 0xFFFFFFFF)
