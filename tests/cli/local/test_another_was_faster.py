"""Two stacks that start at once may choose the same port.

The one that does not get it must not take the other's server for its own, nor change anything in it.
"""

import asyncio
import contextlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from imagejobs.local import programs, stack
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import PortTaken
from imagejobs.local.options import LocalOptions
from imagejobs.local.program import Log
from imagejobs.local.run_secrets import RunSecrets
from imagejobs.local.services import seaweed, valkey
from imagejobs.local.services.seaweed import SeaweedPorts
from imagejobs.local.supervisor import ProcessKeeper
from imagejobs_contract.runtime import logs

API = {"REDIS_URL": "redis://127.0.0.1:1/0", "S3_ENDPOINT": "http://127.0.0.1:1", "S3_BUCKET": "imagejobs"}


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
        with pytest.raises(PortTaken, match=r"(?s)before it was ready.*in use"):
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


def test_a_seaweedfs_or_api_without_its_port_says_so_at_once_and_does_not_try_it_again(data):
    secrets, said = RunSecrets.make(data.secrets), []
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        parts = [
            seaweed.program(
                data,
                SeaweedPorts(*(0,) * 2, taken, *(0,) * 5),
                data.credentials(),
                secrets,
                os.environ,
            ),
            programs.api(data, {**os.environ, **API, "LISTEN": f"127.0.0.1:{taken}"}, "127.0.0.1", taken),
        ]
        for part in parts:
            with pytest.raises(PortTaken, match=f"^{part.name} ended"):
                asyncio.run(ProcessKeeper(part, said.append, ()).run())
    assert said == []


@pytest.mark.parametrize(("lost", "comes_up"), [(3, True), (stack.PORT_TRIES, False)])
def test_ports_that_are_lost_are_chosen_anew_but_not_for_ever(data, monkeypatch, lost, comes_up):
    plans, said = [], []

    async def run(plan, *_):
        plans.append(plan)
        if len(plans) <= lost:
            raise PortTaken("seaweedfs ended with code 255")

    monkeypatch.setattr(stack, "_run", run)
    monkeypatch.setattr(stack.preflight, "check", lambda options: None)  # nothing listens there
    options = LocalOptions.gather({"S3_ENDPOINT": "http://127.0.0.1:1"}, data=data.path)
    with contextlib.nullcontext() if comes_up else pytest.raises(PortTaken):
        stack.run(options, said.append, said.append)
    assert len(plans) == min(lost + 1, stack.PORT_TRIES)
    assert said[0] == "another program took the port of seaweedfs; all are chosen anew."
