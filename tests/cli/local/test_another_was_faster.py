"""Two stacks that start at once may choose the same port.

The one that does not get it must not take the other's server for its own, nor change anything in it.
"""

import asyncio
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from imagejobs.local import programs
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import CannotRun
from imagejobs.local.program import Log
from imagejobs.local.run_secrets import RunSecrets
from imagejobs.local.services import seaweed, valkey
from imagejobs.local.services.seaweed import SeaweedPorts
from imagejobs.local.supervisor import ProcessKeeper
from imagejobs_contract.runtime import logs


@pytest.fixture
def data(tmp_path):
    directory = DataDirectory(tmp_path)
    directory.prepare()
    return directory


@pytest.fixture
def theirs():
    """Another's server, which answers everything with 200; its port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_valkey_without_its_port_is_never_ready_and_the_reason_is_reported(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        keeper = ProcessKeeper(
            valkey.program(data, taken.getsockname()[1], RunSecrets.make(data.secrets)), lambda _: None, ()
        )
        with pytest.raises(CannotRun, match=r"(?s)before it was ready.*in use"):
            asyncio.run(keeper.run())
    assert not keeper.ready.is_set()


def test_answers_on_their_ports_do_not_count_before_seaweedfs_and_the_api_log_that_they_listen(data, theirs):
    ports = SeaweedPorts(theirs, *range(7))
    programs_of_ours = {
        seaweed.READY: seaweed.program(
            data, ports, data.credentials(), RunSecrets.make(data.secrets), os.environ
        ),
        f'{{"event": "{logs.READY}"}}\n'.encode(): programs.api(data, {}, "127.0.0.1", theirs),
    }
    for words, program in programs_of_ours.items():
        log = Log(program.log, 0)
        program.log.write_bytes(b"starting\n")
        assert not asyncio.run(program.is_ready(log))
        program.log.write_bytes(b"starting\n" + words)
        assert asyncio.run(program.is_ready(log))
