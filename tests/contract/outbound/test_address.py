from ipaddress import ip_address

import pytest

from imagejobs_contract.outbound.address import embedded_ipv4, is_public, parse_literal
from imagejobs_contract.outbound.guard import AddressGuard

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255",
    "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0",
    "203.0.112.255", "203.0.114.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1",
    "2001:db9::1", "2003::1", "2400:cb00::1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e",
    "2c0f:fb50::1", "3ffe::1",
)  # fmt: skip
REFUSED = {
    "this host": ("0.0.0.0", "0.0.0.1", "0.255.255.255", "::"),
    "loopback": ("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.0.0.53", "127.255.255.255", "::1"),
    "private": (
        "10.0.0.0", "10.0.0.1", "10.96.0.1", "10.0.2.2", "10.255.255.255", "172.16.0.0", "172.17.0.1",
        "172.31.255.255", "192.168.0.0", "192.168.1.1", "192.168.255.255",
    ),
    "carrier-grade NAT": ("100.64.0.0", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "link-local, with the metadata service": (
        "169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "fe80::", "fe80::1",
        "fe80::a9fe:a9fe", "febf:ffff::1", "fe80::1%eth0",
    ),
    "protocol assignments": ("192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.0.255"),
    "documentation": (
        "192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
        "2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff::1",
        "3fff:fff:ffff::1",
    ),
    "benchmarks": ("198.18.0.0", "198.18.0.1", "198.19.255.255", "2001:2::1"),
    "multicast": (
        "224.0.0.0", "224.0.0.1", "224.0.0.251", "239.255.255.250", "239.255.255.255", "ff00::", "ff02::1",
        "ff02::fb", "ff0e::1", "ff05::1:3",
    ),
    "reserved and broadcast": ("240.0.0.0", "240.0.0.1", "250.1.2.3", "255.255.255.254", "255.255.255.255"),
    "6to4 relays": ("192.88.99.0", "192.88.99.1", "192.88.99.255"), "Azure's platform": ("168.63.129.16",),
    "IPv4-mapped": (
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:0:0",
        "::ffff:7f00:1", "0:0:0:0:0:ffff:a9fe:a9fe",
    ),
    "IPv4-compatible": ("::127.0.0.1", "::10.0.0.1", "::169.254.169.254", "::8.8.8.8", "::ffff", "::2"),
    "IPv4-translated": ("::ffff:0:127.0.0.1", "::ffff:0:a00:1", "::ffff:0:808:808"),
    "NAT64": (
        "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::1",
        "64:ff9b:1::a00:1", "64:ff9b:1:ffff::a9fe:a9fe",
    ),
    "6to4": (
        "2002::", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::1", "2002:808:808::1",
        "2002:ffff:ffff::",
    ),
    "Teredo": (
        "2001::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a9fe:a9fe::", "2001:0:7f00:1::1",
    ),
    "other of 2001::/23": (
        "2001:1::1", "2001:1::2", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1",
        "2001:1ff:ffff::1",
    ),
    "ISATAP": (
        "2a00:1450::5efe:7f00:1", "2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:a9fe:a9fe",
        "2606:4700::5efe:8.8.8.8", "2606:4700::100:5efe:a00:1", "2606:4700::300:5efe:a00:1",
        "fe80::5efe:a00:1",
    ),
    "unique local": ("fc00::", "fc00::1", "fd00::1", "fd00:ec2::254", "fd12:3456:789a::1", "fdff:ffff::1"),
    "site-local": ("fec0::", "fec0::1", "feff::1"), "discard": ("100::", "100::1", "100:0:0:1::1"),
    "segment routing": ("5f00::", "5f00::1"),
    "outside 2000::/3": (
        "200::1", "400::1", "800::1", "1000::1", "1fff:ffff::1", "4000::1", "6000::1", "8000::1", "a000::1",
        "c000::1", "e000::1", "f000::1", "fe00::1", "5::1", "0:1::1",
    ),
    "with a zone": ("2606:4700:4700::1111%lo",),
}  # fmt: skip
NOT_ADDRESSES = (
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.1.",
    "1.1.1.1/0",
    "[::1]",
    "１２７.0.0.1",
    "1.1.1.1 ",
)

SPELLINGS = {
    "127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "127.0.1": "127.0.0.1", "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1", "0x7f.1": "127.0.0.1", "0x7f.0x0.0x0.0x1": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1", "017700000001": "127.0.0.1", "0177.1": "127.0.0.1", "0": "0.0.0.0",
    "0x0": "0.0.0.0", "localhost": "127.0.0.1", "a.b.localhost": "127.0.0.1", "10.1": "10.0.0.1",
    "0xa9fea9fe": "169.254.169.254", "2852039166": "169.254.169.254",
    "0251.0376.0251.0376": "169.254.169.254", "0xa9.254.0251.254": "169.254.169.254",
    "169.254.43518": "169.254.169.254", "1.1.1.1": "1.1.1.1", "::1": "::1",
}  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address):
    assert AddressGuard().permits(address)


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, address) for kind, rows in REFUSED.items() for address in rows]
)
def test_an_address_that_is_not_public_is_refused(kind, address):
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_what_is_no_canonical_address_is_refused(text):
    assert not AddressGuard().permits(text)


def test_the_table_is_as_long_as_was_promised():
    assert len(PUBLIC) + sum(map(len, REFUSED.values())) + len(NOT_ADDRESSES) >= 200


def test_ipv4_hidden_in_every_public_prefix_of_isatap_is_refused():
    assert not any(is_public(ip_address(f"2a00:{n:x}::5efe:7f00:1")) for n in range(0, 65536, 997))


@pytest.mark.parametrize(("host", "address"), SPELLINGS.items())
def test_an_address_is_known_in_every_spelling_that_the_system_understands(host, address):
    assert parse_literal(host) == address


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "a",
        "1a.example",
        "0x7f000001.example",
        "1.1.1.1.example",
        "localhost.example",
        "x0x1",
        "xn--bcher-kva",
    ],
)
def test_a_name_is_no_address(host):
    assert parse_literal(host) is None


@pytest.mark.parametrize(
    "host",
    ["256.1.1.1", "1.2.3.4.5", "09.1.1.1", "4294967296", "0x", "example.0x7f", "a.1", "127.0.0.0x100000000"],
)
def test_a_host_that_ends_in_a_number_but_is_no_address_is_neither(host):
    with pytest.raises(ValueError, match="number"):
        parse_literal(host)


def test_an_embedded_address_is_the_last_32_bits():
    assert str(embedded_ipv4(ip_address("64:ff9b::808:404"))) == "8.8.4.4"
