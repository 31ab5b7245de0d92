"""The secrets of one start: keys as RFC 8032 wants them, and TLS that only those who have them speak."""

import socket
import ssl
import threading

import pytest

from imagejobs.local import certificate
from imagejobs.local.run_secrets import CERTIFICATE, KEY, VALKEY, RunSecrets

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
"""Section 7.1, tests 1 and 3."""


@pytest.mark.parametrize(("seed", "message", "public", "signature"), RFC_8032)
def test_keys_and_signatures_are_those_of_the_rfc(seed, message, public, signature):
    assert certificate.public_key(bytes.fromhex(seed)).hex() == public
    assert certificate.sign(bytes.fromhex(seed), bytes.fromhex(message)).hex() == signature


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> bytes:
    """Return what the server sends once it has seen the client's certificate; raise what the client sees."""
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(right, server_side=True) as connection:
                connection.sendall(b"x")
        except OSError:
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with left, client.wrap_socket(left, server_hostname="127.0.0.1") as connection:
            return connection.recv(1)
    finally:
        thread.join()


def server_context(secrets: RunSecrets) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secrets.folder / CERTIFICATE, secrets.folder / KEY)
    context.load_verify_locations(secrets.folder / CERTIFICATE)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_who_has_the_secrets_of_the_start_speaks_and_who_has_others_does_not(tmp_path):
    folders = [tmp_path / name for name in ("ours", "theirs")]
    for each in folders:
        each.mkdir()
    ours, theirs = map(RunSecrets.make, folders)
    assert handshake(server_context(ours), ours.client_context()) == b"x"
    with pytest.raises(ssl.SSLError):
        handshake(server_context(ours), theirs.client_context())
    blind = theirs.client_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError):
        handshake(server_context(ours), blind)


def test_each_start_has_its_own_in_files_of_its_owner_only_and_shows_none(tmp_path):
    (tmp_path / VALKEY).write_text("")
    (tmp_path / VALKEY).chmod(0o644)
    first = RunSecrets.make(tmp_path)
    conf = (tmp_path / VALKEY).read_text()
    second = RunSecrets.make(tmp_path)
    assert conf == f"requirepass {first.redis_password}\n"
    assert (tmp_path / VALKEY).read_text() != conf
    assert first.pair != second.pair
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (VALKEY, CERTIFICATE, KEY)} == {0o600}
    assert second.redis_password not in repr(second)
    assert "PRIVATE" not in repr(second)
