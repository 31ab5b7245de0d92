"""The facts about the outside that an attacker inside of a child knows."""

import ctypes
import os
import signal
import socket
import subprocess

import pytest

SECRET = ctypes.create_string_buffer(b"a secret")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The facts that the attacker knows, all of them real."""
    folder = tmp_path_factory.mktemp("red")
    (folder / "file").write_text("a secret")
    abstract = f"imagejobs-{os.getpid()}-{folder.name}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as hidden,
        subprocess.Popen(["sleep", "600"]) as victim,
    ):
        try:
            udp.bind(("127.0.0.1", 0))
            unix.bind(str(folder / "socket"))
            hidden.bind("\0" + abstract)
            unix.listen()
            hidden.listen()
            yield {
                "parent": os.getpid(),
                "address": ctypes.addressof(SECRET),
                "descriptor": tcp.fileno(),
                "victim": victim.pid,
                "port": tcp.getsockname()[1],
                "udp_port": udp.getsockname()[1],
                "unix": str(folder / "socket"),
                "abstract": abstract,
                "file": str(folder / "file"),
                "doomed": str(folder / "file"),
                "folder": str(folder),
            }
            assert victim.poll() is None
        finally:
            victim.send_signal(signal.SIGKILL)
