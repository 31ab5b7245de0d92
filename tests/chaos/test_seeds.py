"""What `make chaos` stands on: its plans, its line that breaks, and that it notices what is wrong."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest
import redis

from support.api.client import ApiClient
from support.chaos import invariants, plan
from support.chaos.load import Load, wrong_steps
from support.chaos.local_machine import local_machine
from support.chaos.machine import Machine
from support.chaos.plan import Kind, Place, Sending, Target, Way
from support.clock import shifted_clock
from support.clock.waiting import eventually
from support.servers import data_servers
from support.servers.tcp_line import TcpLine, tcp_line

SEEDS = range(1, 401)
LONGEST_SECONDS = 4.0


def test_a_seed_gives_the_same_plan_again():
    assert [plan.draw(seed) for seed in SEEDS] == [plan.draw(seed) for seed in SEEDS]


def test_seeds_give_different_plans():
    assert len({(each.sendings, each.faults) for each in map(plan.draw, SEEDS)}) == len(SEEDS)


@pytest.mark.parametrize("place", list(Place))
def test_some_hundred_seeds_do_every_fault(place):
    drawn = {
        (fault.target, fault.kind)
        for each in (plan.draw(seed, LONGEST_SECONDS, [place]) for seed in SEEDS)
        for fault in each.faults
    }
    assert drawn == set(plan.FAULTS[place])


def test_programs_are_killed_between_two_writes():
    points = [fault for each in map(plan.draw, SEEDS) for fault in each.faults if fault.point]
    assert {each.target for each in points} == set(plan.PROGRAMS)
    assert {each.point.line for each in points if each.point} == {Target.REDIS, Target.S3}


def test_faults_are_short_and_no_fault_is_beside_the_death_of_everything():
    for each in map(plan.draw, SEEDS):
        assert all(0 <= fault.after_seconds <= plan.BEGIN_SECONDS for fault in each.faults)
        assert all(0 <= fault.lasts_seconds <= LONGEST_SECONDS for fault in each.faults)
        assert len(each.faults) == 1 or all(fault.target is not Target.EVERYTHING for fault in each.faults)


def test_a_fault_in_shards_meets_a_job_with_shards():
    for each in map(plan.draw, SEEDS):
        if any(fault.target is Target.SHARD for fault in each.faults):
            assert Way.SHARDS in {sending.way for sending in each.sendings}


def answer(state: str = "Running", progress: int = 50, done: int = 2, failed: int = 0) -> dict[str, object]:
    return {"state": state, "progress": progress, "total": 4, "done": done, "failed": failed}


@pytest.mark.parametrize(
    ("before", "now", "wrong"),
    [
        (None, answer(), []),
        (answer(), answer(progress=75, done=3), []),
        (answer(), answer("PartiallySucceeded", 100, 3, 1), []),
        (answer(), answer(progress=25), ["progress fell from 50 to 25 (Running, Running)"]),
        (answer(), answer(done=1), ["done fell from 2 to 1 (Running, Running)"]),
        (None, answer(progress=100), ["100 % while Running"]),
        (None, answer("Succeeded", 99), ["99 % while Succeeded"]),
        (None, answer(done=3, failed=2), ["3 done and 2 failed of 4"]),
        (answer("Failed", 100), answer("Cancelled", 100), ["Failed became Cancelled"]),
    ],
)
def test_progress_that_may_not_be_is_named(before, now, wrong):
    assert wrong_steps(before, now) == wrong


def test_progress_may_fall_where_the_newest_outcomes_were_lost():
    assert not wrong_steps(answer(), answer(progress=25, done=1), may_fall=True)
    assert wrong_steps(answer("Failed", 100), answer("Running", 25), may_fall=True)


@pytest.fixture
def line(redis_port: int) -> Iterator[TcpLine]:
    with tcp_line(redis_port) as running:
        yield running


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    binary = data_servers.find_valkey()
    assert binary
    server = data_servers.start_valkey(tmp_path_factory.mktemp("line"), binary)
    yield server.ports["redis"]
    server.stop()


def client(line: TcpLine) -> redis.Redis:
    """Return a client that gives up at once."""
    return redis.Redis(port=line.port, socket_timeout=0.3, retry=None)


def test_a_line_passes_everything_on(line):
    with client(line) as asked:
        value = bytes(3 * 65_536)
        asked.set("large", value)
        assert asked.get("large") == value


def test_a_line_that_is_cut_ends_old_connections_and_takes_no_new_ones(line):
    with client(line) as asked:
        assert asked.ping()
        line.cut()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                asked.ping()
        line.mend()
        assert asked.ping()


def test_a_silent_line_gives_no_answer_until_it_is_mended(line):
    with socket.create_connection(("127.0.0.1", line.port)) as connection:
        line.silence()
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(7)
        line.mend()
        connection.settimeout(60)
        assert connection.recv(7) == b"+PONG\r\n"


def test_a_slow_line_holds_each_piece_back(line):
    with socket.create_connection(("127.0.0.1", line.port)) as connection:
        line.slow(0.2)
        began = time.monotonic()
        connection.sendall(b"PING\r\n")
        assert connection.recv(7) == b"+PONG\r\n"
        assert time.monotonic() - began >= 2 * 0.2


def test_an_act_comes_before_the_answer_of_its_number(line):
    acted = threading.Event()
    with redis.Redis(port=line.port) as asked:
        asked.ping()
        line.count_answers({2: acted.set})
        asked.ping()
        assert not acted.is_set()
        asked.ping()
        assert acted.is_set()


@pytest.fixture(scope="module")
def running() -> Iterator[Machine]:
    shifted_clock.skip_beside("SeaweedFS")
    with local_machine(Place.OWN) as started:
        yield started


numbers = itertools.count()


@pytest.fixture
def sent(running: Machine) -> Iterator[tuple[ApiClient, Load, set[str]]]:
    """A batch that has ended, and the keys before it."""
    before, load = running.keys(), Load(running, f"test-{next(numbers)}")
    load.send(0, Sending(Way.BATCH, 0.0, 3, 1), time.monotonic() + 60)
    with httpx2.Client(base_url=running.url, timeout=60) as http:
        asked = ApiClient(http)
        asked.wait_until_final(load.accepted[0].id)
        eventually(lambda: asked.job(load.accepted[0].id).json()["completed"])
        yield asked, load, before
        list(invariants.wrong_after_deletion(running, asked, load, before))


def test_a_run_without_faults_has_nothing_wrong(running, sent):
    asked, load, before = sent
    assert not load.wrong
    assert not list(invariants.wrong_with_jobs(running, asked, load, before))
    assert not list(invariants.wrong_at_rest(running))
    assert not list(invariants.wrong_after_deletion(running, asked, load, before))


def test_a_lost_output_is_noticed(running, sent):
    asked, load, before = sent
    key = next(key for key in sorted(running.keys() - before) if key.startswith("outputs/"))
    running.bucket().delete(key)
    wrong = list(invariants.wrong_with_jobs(running, asked, load, before))
    assert len(wrong) == 2
    assert f"{key} cannot be opened" in wrong[0]
    assert "results name 2 outputs, 1 are stored" in wrong[1]


def test_a_job_that_nobody_sent_is_noticed(running, sent):
    asked, load, before = sent
    extra = Load(running, "extra")
    extra.send(0, Sending(Way.SINGLE, 0.0, 1, 0), time.monotonic() + 60)
    asked.wait_until_final(extra.accepted[0].id)
    wrong = list(invariants.wrong_with_jobs(running, asked, load, before))
    assert wrong[0].startswith("accepted were")
    load.accepted += extra.accepted


@pytest.mark.parametrize("kind", [Kind.KILLED, Kind.EMPTIED])
def test_what_is_over_at_once_lasts_no_time(kind):
    faults = [fault for each in map(plan.draw, SEEDS) for fault in each.faults if fault.kind is kind]
    assert {each.lasts_seconds for each in faults} == {0.0}
