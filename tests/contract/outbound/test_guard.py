import asyncio
import socket
import sys
import threading

import pytest

from imagejobs_contract.errors import Refused
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.outbound.url import Url, read_url

LOOPBACK = EgressPolicy(private=("127.0.0.0/8",))
HIDDEN = (
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
    "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://localhost/", "http://LOCALHOST./",
    "http://a.localhost/", "http://127.0.0.1./", "http://１２７.０.０.１/", "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[2a00:1450::5efe:7f00:1]/", "http://[fe80::1]/", "http://[fd00:ec2::254]/",
    "http://169.254.169.254/latest/meta-data/", "http://0xa9fea9fe/", "http://2852039166/",
    "http://169.254.43518/", "https://10.0.0.1/", "http://100.100.100.200/", "http://168.63.129.16/",
    "http://192.0.0.192/", "http://1.1.1.1:22/", "http://1.1.1.1:0/", "http://example.com:25/",
    "HTTP://127.0.0.1/", "Https://[::1]/", "hTTp://0x7f.1/", "HTTPS://LOCALHOST/",
    "HTTP://169.254.169.254/latest/meta-data/", "HTTP://1.1.1.1:22/",
)  # fmt: skip
connects, _recording = [], threading.Event()


def _record(event, arguments):
    if event == "socket.connect" and _recording.is_set():
        connects.append(arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1])


sys.addaudithook(
    _record
)  # cannot be taken off again, and sees every connect of the process, whatever library makes it


@pytest.fixture(autouse=True)
def recorded():
    """The addresses that were connected to."""
    connects.clear()
    _recording.set()
    yield connects
    _recording.clear()


def resolver(*answers):
    pending = list(answers)

    async def resolve(host, port):
        return pending.pop(0) if len(pending) > 1 else pending[0]

    return resolve


def addresses(guard, url):
    return asyncio.run(guard.addresses(read_url(url)))


async def listening(host):
    server = await asyncio.start_server(lambda reader, writer: writer.close(), host, 0)
    return server, server.sockets[0].getsockname()[1]


async def connected(guard, target, seconds=5.0):
    _, writer = await guard.connect(target, seconds)
    peer = writer.get_extra_info("peername")[0]
    writer.close()
    await writer.wait_closed()
    return peer


@pytest.mark.parametrize("url", HIDDEN)
def test_no_spelling_of_an_inner_address_is_connected_to(url, recorded):
    with pytest.raises(Refused):
        asyncio.run(AddressGuard().connect(read_url(url), 5))
    assert recorded == []


@pytest.mark.parametrize("url", HIDDEN)
def test_what_is_itself_an_address_is_refused_without_asking_anybody(url):
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["1.1.1.1"]

    with pytest.raises(Refused):
        addresses(AddressGuard(resolve=resolve), url)
    assert asked == []


def test_one_private_address_among_public_ones_refuses_the_host():
    with pytest.raises(Refused):
        addresses(AddressGuard(resolve=resolver(["1.1.1.1", "10.0.0.1"])), "http://both.example/")


def test_a_host_without_addresses_is_refused():
    with pytest.raises(Refused):
        addresses(AddressGuard(resolve=resolver([])), "http://none.example/")


def test_the_refusal_does_not_tell_the_address():
    with pytest.raises(Refused) as caught:
        addresses(AddressGuard(resolve=resolver(["10.1.2.3"])), "http://inside.example/")
    assert "10.1.2.3" not in caught.value.message


def test_an_allowed_network_is_permitted_and_its_neighbours_are_not():
    guard = AddressGuard(EgressPolicy(private=("10.1.0.0/16", "fd00:1::/32")))
    assert guard.permits("10.1.2.3")
    assert guard.permits("fd00:1::5")
    assert not any(map(guard.permits, ("10.2.0.1", "fd00:2::5", "::ffff:10.1.2.3")))


def test_under_dns64_the_ipv4_address_decides():
    guard = AddressGuard(EgressPolicy(private=("10.1.0.0/16",), dns64="64:ff9b::/96"))
    assert guard.permits("64:ff9b::808:808")
    assert guard.permits("64:ff9b::10.1.2.3")
    assert not any(
        map(
            guard.permits,
            ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808%lo", "64:ff9b:1::808:808"),
        )
    )


def test_under_dns64_a_prefix_in_public_space_hides_nothing():
    guard = AddressGuard(EgressPolicy(dns64="2a00:64::/96"))
    assert guard.permits("2a00:64::808:808")
    assert not guard.permits("2a00:64::a00:1")


@pytest.mark.parametrize(
    ("port", "permitted"),
    [
        (80, True),
        (443, True),
        (1024, True),
        (8080, True),
        (65535, True),
        (81, False),
        (22, False),
        (1023, False),
    ],
)
def test_the_webs_own_ports_and_high_ones_are_permitted(port, permitted):
    target = Url(False, "example.com", port, "/")
    if permitted:
        AddressGuard().check(target)
    else:
        with pytest.raises(Refused, match="port"):
            AddressGuard().check(target)


def test_a_name_that_rebinds_is_connected_at_the_checked_address(recorded):
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    async def scenario():
        server, port = await listening("127.0.0.2")
        guard = AddressGuard(EgressPolicy(private=("127.0.0.2/32",)), resolve)
        peer = await connected(guard, Url(False, "rebinding.example", port, "/"))
        with pytest.raises(Refused):
            await guard.connect(Url(False, "rebinding.example", port, "/"), 5)
        server.close()
        await server.wait_closed()
        return peer

    assert asyncio.run(scenario()) == "127.0.0.2"
    assert asked == ["rebinding.example"] * 2
    assert recorded == ["127.0.0.2"]


def test_the_next_address_is_tried_when_the_first_is_silent(recorded):
    async def scenario():
        server, port = await listening("127.0.0.3")
        peer = await connected(
            AddressGuard(LOOPBACK, resolver(["127.0.0.2", "127.0.0.3"])), Url(False, "two.example", port, "/")
        )
        server.close()
        await server.wait_closed()
        return peer

    assert asyncio.run(scenario()) == "127.0.0.3"
    assert recorded == ["127.0.0.2", "127.0.0.3"]


def test_of_many_addresses_four_are_tried(recorded):
    many = [f"127.0.1.{n}" for n in range(1, 10)]
    with pytest.raises(OSError, match=r"refused|failed"):
        asyncio.run(
            AddressGuard(LOOPBACK, resolver(many)).connect(Url(False, "many.example", _closed_port(), "/"), 5)
        )
    assert recorded == many[:4]


def test_a_resolver_that_hangs_ends_with_the_time_for_connecting():
    async def resolve(host, port):
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(AddressGuard(resolve=resolve).connect(read_url("http://slow.example/"), 0.05))


def test_a_host_that_takes_no_connection_ends_with_the_time_for_connecting():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            asyncio.run(
                AddressGuard(LOOPBACK, resolver(["127.0.0.1"])).connect(
                    Url(False, "full.example", port, "/"), 0.3
                )
            )
        for each in waiting:
            each.close()


def test_a_server_that_is_silent_in_the_handshake_ends_with_the_time_for_connecting():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = Url(True, "silent.example", silent.getsockname()[1], "/")
        with pytest.raises(TimeoutError):
            asyncio.run(AddressGuard(LOOPBACK, resolver(["127.0.0.1"])).connect(target, 0.3))


def _closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_private_networks_of_one_caller_are_closed_to_the_others():
    policy = EgressPolicy(private=("10.1.0.0/16",), private_of=(("alice", "10.2.0.0/16"),))
    guard = AddressGuard(policy)
    allowed = {
        caller: [address for address in ("10.1.0.1", "10.2.0.1", "10.3.0.1", "93.184.216.34")
                 if guard.for_caller(caller).permits(address)]
        for caller in ("", "alice", "bob")
    }  # fmt: skip
    assert allowed == {
        "": ["10.1.0.1", "93.184.216.34"],
        "alice": ["10.1.0.1", "10.2.0.1", "93.184.216.34"],
        "bob": ["10.1.0.1", "93.184.216.34"],
    }
    assert guard.for_caller("alice") is guard.for_caller("alice")
