import pytest

from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.runtime.settings import read


def reach(**variables):
    return read(variables, lambda reader: EgressPolicy.read(reader, "ALLOWED_PRIVATE_SOURCES"))


def test_without_settings_nothing_private_and_the_webs_ports_can_be_reached():
    assert reach() == EgressPolicy()


def test_all_of_it_can_be_set():
    assert reach(
        ALLOWED_PRIVATE_SOURCES="10.0.0.0/8, fd00::/8",
        ALLOWED_PORTS="443,8000-8010",
        DNS64_PREFIX="64:ff9b::/96",
    ) == EgressPolicy(("10.0.0.0/8", "fd00::/8"), ((443, 443), (8000, 8010)), "64:ff9b::/96")


def test_a_network_may_be_one_callers():
    found = reach(
        ALLOWED_PRIVATE_SOURCES="10.0.0.0/8, alice=192.168.7.0/24,alice=fd00::/8,bob=192.168.8.0/24"
    )
    assert found.private == ("10.0.0.0/8",)
    assert found.private_of == (
        ("alice", "192.168.7.0/24"), ("alice", "fd00::/8"), ("bob", "192.168.8.0/24"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALLOWED_PRIVATE_SOURCES", "=10.0.0.0/8"), ("ALLOWED_PRIVATE_SOURCES", "alice=inside"),
        ("ALLOWED_PRIVATE_SOURCES", "10.0.0.1/8"), ("ALLOWED_PRIVATE_SOURCES", "inside"),
        ("ALLOWED_PORTS", "0"), ("ALLOWED_PORTS", "80-70"), ("ALLOWED_PORTS", "65536"),
        ("ALLOWED_PORTS", "http"), ("DNS64_PREFIX", "64:ff9b::/64"), ("DNS64_PREFIX", "64:ff9b::1/96"),
        ("DNS64_PREFIX", ":::/96"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(name, text, capsys):
    with pytest.raises(SystemExit):
        reach(**{name: text})
    assert name in capsys.readouterr().err
