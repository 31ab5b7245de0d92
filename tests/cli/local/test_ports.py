import socket
import sys

import pytest

from imagejobs.local.errors import CannotRun
from imagejobs.local.ports import FIRST_UNNAMED, PortClaims, Ports, is_free


@pytest.fixture
def claims():
    with PortClaims() as claims:
        yield claims


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_default_moves_to_the_next_free_port_and_is_noted(taken, claims):
    ports = Ports("127.0.0.1", claims)
    moved = ports.take_default("the API", taken)
    assert moved > taken
    assert ports.moved == [("the API", taken, moved)]


def test_a_free_default_stays_and_is_not_noted(taken, claims):
    with PortClaims() as earlier:
        free = Ports("127.0.0.1", earlier).take_default("the API", taken)
    again = Ports("127.0.0.1", claims)
    assert again.take_default("the API", free) == free
    assert again.moved == []


def test_no_port_is_given_twice(taken, claims):
    ports = Ports("127.0.0.1", claims)
    assert len({ports.take_from("x", taken) for _ in range(8)}) == 8
    assert ports.moved == []


def test_a_reserved_port_is_not_given(claims):
    ports = Ports("127.0.0.1", claims)
    with PortClaims() as earlier:
        port = Ports("127.0.0.1", earlier).take_default("x", 20_000)
    ports.reserve(port)
    assert ports.take_default("x", port) != port


def test_a_taken_port_that_was_named_is_refused_with_the_reason(taken, claims):
    with pytest.raises(CannotRun, match=f"Port {taken} for the API is taken"):
        Ports("127.0.0.1", claims).take_named("the API", taken)


def test_a_port_on_an_address_of_another_machine_is_not_free():
    assert not is_free("192.0.2.1", 20_000)


def test_an_address_that_is_none_is_refused_with_the_reason():
    with pytest.raises(CannotRun, match="not an address"):
        is_free("no such host", 20_000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names to claim a port by")
def test_a_port_that_another_start_claimed_is_not_free_although_nothing_listens_there(claims):
    with PortClaims() as other:
        port = Ports("127.0.0.1", other).take_any("theirs")
        assert is_free("127.0.0.1", port)
        assert Ports("127.0.0.1", claims).take_from("ours", port) > port
        with pytest.raises(CannotRun, match=f"Port {port} for the API is taken"):
            Ports("127.0.0.1", claims).take_named("the API", port)
    assert Ports("127.0.0.1", claims).take_named("the API", port) == port


def test_unnamed_ports_are_free_and_not_noted(claims):
    ports = Ports("127.0.0.1", claims)
    found = {ports.take_any("x") for _ in range(8)}
    assert len(found) == 8
    assert min(found) >= FIRST_UNNAMED
    assert ports.moved == []
