"""What the API reads from its environment."""

import pytest

from imagejobs_api.settings import OWN_HOSTS, Settings
from imagejobs_contract.errors import Invalid
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import settings


def read(**variables: str) -> Settings:
    reader = Reader(variables)
    result = Settings.read(reader)
    reader.check()
    return result


def test_the_defaults_are_safe():
    plain = read()
    assert (plain.host, plain.port, plain.job_store) == ("127.0.0.1", 8080, "kubernetes")
    assert (plain.link_seconds, plain.default_wait_seconds) == (3600, 10)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:8080", "::1", 8080),
        ("localhost:9", "localhost", 9),
        ("127.9.9.9:1", "127.9.9.9", 1),
    ],
)
def test_loopback_needs_no_permission(listen, host, port):
    assert (read(LISTEN=listen).host, read(LISTEN=listen).port) == (host, port)


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.2:80", "example.org:80"])
def test_others_must_be_let_in_by_name(listen):
    with pytest.raises(Invalid, match="ALLOW_ANONYMOUS"):
        read(LISTEN=listen)
    assert read(LISTEN=listen, ALLOW_ANONYMOUS="true").port


def test_callers_with_keys_may_come_from_everywhere():
    assert read(LISTEN="0.0.0.0:80", CALLERS_FILE="/etc/callers.yaml").callers_file == "/etc/callers.yaml"


def test_keys_and_no_keys_contradict_each_other():
    with pytest.raises(Invalid, match="ALLOW_ANONYMOUS: contradicts CALLERS_FILE"):
        read(CALLERS_FILE="/etc/callers.yaml", ALLOW_ANONYMOUS="true")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "8080"),
        ("LISTEN", "127.0.0.1:99999"),
        ("JOB_STORE", "postgres"),
        ("JOB_STORE", "sqlite:"),
        ("LINK_SECONDS", "604801"),
        ("DEFAULT_WAIT_SECONDS", "61"),
        ("PUBLIC_URL", "example.org"),
        ("MAX_BATCH_FILES", "501"),
        ("READY_PARTS", "store,moon"),
        ("STAY_READY_PARTS", "moon"),
        ("LOG_LEVEL", "LOUD"),
        ("NAMESPACE", "A_B"),
    ],
)
def test_a_bad_variable_is_named(name, value):
    with pytest.raises(Invalid) as caught:
        read(**{name: value})
    assert [fault.where for fault in caught.value.faults] == [name]


def test_all_bad_variables_are_told_at_once_with_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        settings.read({"LISTEN": "0.0.0.0:1", "LINK_SECONDS": "x"}, Settings.read)
    assert caught.value.code == 2
    complaint = capsys.readouterr().err
    assert "LISTEN: 0.0.0.0 can be reached from other machines" in complaint
    assert "LINK_SECONDS" in complaint


def test_a_public_url_loses_its_last_slash():
    assert read(PUBLIC_URL="https://img.example.org/").public_url == "https://img.example.org"


def test_who_serves_only_this_machine_answers_to_its_names():
    assert read().allowed_hosts == (*OWN_HOSTS, "127.0.0.1")
    assert "img.example.org" in read(PUBLIC_URL="https://img.example.org:8443/x").allowed_hosts
    assert read(ALLOWED_HOSTS="a.example.org").allowed_hosts == ("a.example.org",)
    assert read(LISTEN="0.0.0.0:1", ALLOW_ANONYMOUS="true").allowed_hosts == ()
    assert read(CALLERS_FILE="/etc/callers.yaml").allowed_hosts == ()
