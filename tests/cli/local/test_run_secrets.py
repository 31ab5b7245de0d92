"""The secrets of one start: TLS that only those who have them speak, and files of their owner only."""

import socket
import ssl
import threading

import pytest

from imagejobs.local.run_secrets import CERTIFICATE, KEY, VALKEY, RunSecrets


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
