"""The settings that limit the targets of users' URLs.

Plain values: a program that only reads settings does not load what the guard imports.
"""

from dataclasses import dataclass

from imagejobs_contract.reader import Reader

WEB_PORTS = "80,443,1024-65535"
"""Below 1024 nothing but the web's own two: no mail, no shells, no directories."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Networks and ports that the address guard may connect to.

    Attributes:
        private: Networks (CIDR) that are allowed to all callers although they are not public.
        ports: First and last of each allowed range.
        dns64: The prefix (CIDR, 96 bits) under which the cluster's DNS64 shows IPv4 hosts, or "".
        private_of: Callers, and networks that each is allowed besides.
    """

    private: tuple[str, ...] = ()
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (1024, 65_535))
    dns64: str = ""
    private_of: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, reader: Reader, private: str) -> "EgressPolicy":
        """Read the variables.

        Args:
            reader: Of the environment.
            private: The variable that names private networks: `10.1.0.0/16` for all callers, and
                `alice=10.2.0.0/16` for one.
        """
        named = [each.rpartition("=") for each in _networks(reader, private)]
        shared = tuple(network for _, equals, network in named if not equals)
        own = tuple((caller, network) for caller, equals, network in named if equals)
        return cls(shared, _ports(reader), _dns64(reader), own)


def _networks(reader: Reader, name: str) -> tuple[str, ...]:
    text = reader.text(name, 2000, default="") or ""
    if not text:
        return ()
    # Imported here: it takes longer than reading all other settings, and most installations have no such
    # list.
    from ipaddress import ip_network

    networks = tuple(text.replace(",", " ").split())
    for network in networks:
        if network.startswith("="):
            reader.fault(name, f"{network} names no caller before the equals sign")
        try:
            ip_network(network.rpartition("=")[2])
        except ValueError as ex:
            reader.fault(name, str(ex))
    return networks


def _ports(reader: Reader) -> tuple[tuple[int, int], ...]:
    one = r"[0-9]{1,5}(-[0-9]{1,5})?"
    text = (
        reader.text(
            "ALLOWED_PORTS",
            500,
            default=WEB_PORTS,
            pattern=rf"{one}(,{one})*",
            shape="ports and ranges such as 80,443,8000-8999",
        )
        or WEB_PORTS
    )
    ranges = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
        if not 1 <= ranges[-1][0] <= ranges[-1][1] <= 65_535:
            reader.fault("ALLOWED_PORTS", f"{part} is no range of ports")
    return tuple(ranges)


def _dns64(reader: Reader) -> str:
    text = (
        reader.text(
            "DNS64_PREFIX",
            50,
            default="",
            pattern=r"[0-9a-fA-F:]+/96",
            shape="an IPv6 prefix of 96 bits such as 64:ff9b::/96",
        )
        or ""
    )
    if text:
        from ipaddress import IPv6Network

        try:
            IPv6Network(text)
        except ValueError as ex:
            reader.fault("DNS64_PREFIX", str(ex))
            return ""
    return text
