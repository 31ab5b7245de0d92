import asyncio
from ipaddress import ip_address, ip_network

import pytest

from imagejobs_contract.address import Guard, Target, is_public, read_url, system_resolve
from imagejobs_contract.errors import Refused

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15",
    "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255",
    "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
    "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2400:cb00::1", "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e", "2c0f:fb50::1", "3ffe::1",
)  # fmt: skip
REFUSED = {
    "this host": ("0.0.0.0", "0.0.0.1", "0.255.255.255", "::"),
    "loopback": ("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.0.0.53", "127.255.255.255", "::1"),
    "private": ("10.0.0.0", "10.0.0.1", "10.96.0.1", "10.0.2.2", "10.255.255.255", "172.16.0.0", "172.17.0.1", "172.31.255.255",
                "192.168.0.0", "192.168.1.1", "192.168.255.255"),
    "carrier-grade NAT": ("100.64.0.0", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "link-local, with the metadata service": ("169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "fe80::", "fe80::1",
                                              "fe80::a9fe:a9fe", "febf:ffff::1", "fe80::1%eth0"),
    "protocol assignments": ("192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.0.255"),
    "documentation": ("192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255", "2001:db8::", "2001:db8::1",
                      "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff::1", "3fff:fff:ffff::1"),
    "benchmarks": ("198.18.0.0", "198.18.0.1", "198.19.255.255", "2001:2::1"),
    "multicast": ("224.0.0.0", "224.0.0.1", "224.0.0.251", "239.255.255.250", "239.255.255.255", "ff00::", "ff02::1", "ff02::fb",
                  "ff0e::1", "ff05::1:3"),
    "reserved and broadcast": ("240.0.0.0", "240.0.0.1", "250.1.2.3", "255.255.255.254", "255.255.255.255"),
    "6to4 relays": ("192.88.99.0", "192.88.99.1", "192.88.99.255"),
    "Azure's platform": ("168.63.129.16",),
    "IPv4-mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:0:0", "::ffff:7f00:1",
                    "0:0:0:0:0:ffff:a9fe:a9fe"),
    "IPv4-compatible": ("::127.0.0.1", "::10.0.0.1", "::169.254.169.254", "::8.8.8.8", "::ffff", "::2"),
    "IPv4-translated": ("::ffff:0:127.0.0.1", "::ffff:0:a00:1", "::ffff:0:808:808"),
    "NAT64": ("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1::a00:1",
              "64:ff9b:1:ffff::a9fe:a9fe"),
    "6to4": ("2002::", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::1", "2002:808:808::1", "2002:ffff:ffff::"),
    "Teredo": ("2001::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a9fe:a9fe::", "2001:0:7f00:1::1"),
    "other of 2001::/23": ("2001:1::1", "2001:1::2", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1"),
    "ISATAP": ("2a00:1450::5efe:7f00:1", "2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:a9fe:a9fe", "2606:4700::5efe:8.8.8.8",
               "fe80::5efe:a00:1"),
    "unique local": ("fc00::", "fc00::1", "fd00::1", "fd00:ec2::254", "fd12:3456:789a::1", "fdff:ffff::1"),
    "site-local": ("fec0::", "fec0::1", "feff::1"),
    "discard": ("100::", "100::1", "100:0:0:1::1"),
    "segment routing": ("5f00::", "5f00::1"),
    "outside 2000::/3": ("200::1", "400::1", "800::1", "1000::1", "1fff:ffff::1", "4000::1", "6000::1", "8000::1", "a000::1", "c000::1", "e000::1",
                         "f000::1", "fe00::1", "5::1", "0:1::1"),
    "with a zone": ("2606:4700:4700::1111%lo",),
}  # fmt: skip
NOT_ADDRESSES = ("", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "1.1.1.1/0", "[::1]", "１２７.0.0.1", "1.1.1.1 ")


def resolver(*answers):
    pending = list(answers)

    async def resolve(host, port):
        return pending.pop(0) if len(pending) > 1 else pending[0]

    return resolve


def addresses(guard, url):
    return asyncio.run(guard.addresses(read_url(url)))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address):
    assert Guard().permits(address)


@pytest.mark.parametrize(("kind", "address"), [(kind, address) for kind, rows in REFUSED.items() for address in rows])
def test_an_address_that_is_not_public_is_refused(kind, address):
    assert not Guard().permits(address)


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_what_is_no_canonical_address_is_refused(text):
    assert not Guard().permits(text)


def test_the_table_is_as_long_as_was_promised():
    assert len(PUBLIC) + sum(map(len, REFUSED.values())) + len(NOT_ADDRESSES) >= 200


def test_ipv4_hidden_in_every_public_prefix_of_isatap_is_refused():
    assert not any(is_public(ip_address(f"2a00:{n:x}::5efe:7f00:1")) for n in range(0, 65536, 997))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "localhost", "[::1]"]
)
def test_every_spelling_of_loopback_that_the_system_understands_is_refused(host):
    with pytest.raises(Refused, match="not a public host"):
        addresses(Guard(resolve=system_resolve), f"http://{host}/")


def test_full_width_digits_are_read_as_the_digits_they_stand_for():
    with pytest.raises(Refused, match="not a public host"):
        addresses(Guard(), "http://１２７.０.０.１/")


def test_one_private_address_among_public_ones_refuses_the_host():
    with pytest.raises(Refused):
        addresses(Guard(resolve=resolver(["1.1.1.1", "10.0.0.1"])), "http://both.example/")


def test_a_host_without_addresses_is_refused():
    with pytest.raises(Refused):
        addresses(Guard(resolve=resolver([])), "http://none.example/")


def test_the_refusal_does_not_tell_the_address():
    with pytest.raises(Refused) as caught:
        addresses(Guard(resolve=resolver(["10.1.2.3"])), "http://inside.example/")
    assert "10.1.2.3" not in caught.value.message


def test_an_allowed_network_is_permitted_and_its_neighbours_are_not():
    guard = Guard(private=[ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")])
    assert guard.permits("10.1.2.3")
    assert guard.permits("fd00:1::5")
    assert not any(map(guard.permits, ("10.2.0.1", "fd00:2::5", "::ffff:10.1.2.3")))


def test_a_name_that_rebinds_is_connected_at_the_checked_address():
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    async def scenario():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.2", 0)
        port = server.sockets[0].getsockname()[1]
        guard = Guard(private=[ip_network("127.0.0.2/32")], resolve=resolve)
        _, writer = await guard.connect(Target(False, "rebinding.example", port, "/"), 5)
        peer = writer.get_extra_info("peername")
        writer.close()
        await writer.wait_closed()
        with pytest.raises(Refused):
            await guard.connect(Target(False, "rebinding.example", port, "/"), 5)
        server.close()
        await server.wait_closed()
        return peer[0]

    assert asyncio.run(scenario()) == "127.0.0.2"
    assert asked == ["rebinding.example"] * 2


def test_the_next_address_is_tried_when_the_first_is_silent():
    async def scenario():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.3", 0)
        port = server.sockets[0].getsockname()[1]
        guard = Guard(private=[ip_network("127.0.0.0/8")], resolve=resolver(["127.0.0.2", "127.0.0.3"]))
        _, writer = await guard.connect(Target(False, "two.example", port, "/"), 5)
        peer = writer.get_extra_info("peername")
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return peer[0]

    assert asyncio.run(scenario()) == "127.0.0.3"


def test_a_resolver_that_hangs_ends_with_the_time_for_connecting():
    async def resolve(host, port):
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        asyncio.run(Guard(resolve=resolve).connect(read_url("http://slow.example/"), 0.05))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", Target(False, "example.com", 80, "/")),
        ("https://Example.COM/a/b?c=d#e", Target(True, "example.com", 443, "/a/b?c=d")),
        ("http://example.com:8080/%20x", Target(False, "example.com", 8080, "/%20x")),
        ("http://bücher.example/ü?ä=1", Target(False, "xn--bcher-kva.example", 80, "/%C3%BC?%C3%A4=1")),
        ("http://[2606:4700::1]:81/", Target(False, "2606:4700::1", 81, "/")),
        ("http://example.com/a b\x7f", Target(False, "example.com", 80, "/a%20b%7F")),
        ("http://example.com/a\r\nX-Evil: 1", Target(False, "example.com", 80, "/aX-Evil:%201")),
        ("http://example.com:0/", Target(False, "example.com", 0, "/")),
    ],
)  # fmt: skip
def test_a_url_is_read(url, target):
    assert read_url(url) == target


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "", "http://", "http:///x", "http://user@example.com/",
     "http://user:pass@example.com/", "http://example.com:99999/", "http://example.com:x/", "http://[::1", "http://[fe80::1%25eth0]/", "http://a..b/",
     f"http://{'a' * 64}.example/", "javascript:alert(1)", "http://@example.com/"],
)  # fmt: skip
def test_a_url_that_leads_nowhere_or_carries_a_user_is_refused(url):
    with pytest.raises(Refused):
        read_url(url)


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (Target(False, "a.example", 80, "/"), "a.example"),
        (Target(True, "a.example", 443, "/"), "a.example"),
        (Target(True, "a.example", 80, "/"), "a.example:80"),
        (Target(False, "2606:4700::1", 8080, "/"), "[2606:4700::1]:8080"),
    ],
)
def test_the_host_header_names_the_port_only_if_it_is_unusual(target, authority):
    assert target.authority == authority
