"""Some faults that `make chaos` draws, at fixed moments, while jobs run: everything holds afterwards."""

import pytest

from support.chaos.cluster import cluster_machine
from support.chaos.local_machine import local_machine
from support.chaos.plan import Fault, Kind, Place, Plan, Point, Sending, Target, Way
from support.chaos.run import run
from support.clock import shifted_clock
from support.cluster.control_plane import running_for_tests

SENDINGS = (
    Sending(Way.BATCH, 0.0, 8, 1),
    Sending(Way.SHARDS, 0.0, 12, 1),
    Sending(Way.POOL, 0.1, 8, 0),
    Sending(Way.SINGLE, 0.4, 1, 0),
)


def plan(place: Place, *faults: Fault) -> Plan:
    return Plan(0, place, SENDINGS, faults)


def fault(target: Target, kind: Kind, after: float, lasts: float = 0.0, point: Point | None = None) -> Fault:
    return Fault(target, kind, after, lasts, 0, point)


@pytest.fixture(scope="module")
def own():
    shifted_clock.skip_beside("SeaweedFS")
    with local_machine(Place.OWN) as machine:
        yield machine


@pytest.fixture(scope="module")
def beyond():
    shifted_clock.skip_beside("SeaweedFS")
    with local_machine(Place.BEYOND) as machine:
        yield machine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_for_tests(tmp_path_factory.mktemp("plane")) as plane, cluster_machine(plane) as machine:
        yield machine


@pytest.mark.parametrize(
    "faults",
    [
        [fault(Target.DISK, Kind.FULL, 0.1, 1.0), fault(Target.OPERATOR, Kind.KILLED, 0.5)],
        [fault(Target.REDIS, Kind.KILLED, 0.3), fault(Target.SQLITE, Kind.LOCKED, 0.2, 1.0)],
        [fault(Target.S3, Kind.FROZEN, 0.2, 1.0), fault(Target.CLOCK, Kind.AHEAD, 0.3, 1.0)],
    ],
    ids=lambda faults: ", ".join(f"{each.target} {each.kind}" for each in faults),
)
def test_everything_holds_after_faults_on_one_machine(own, faults):
    assert not run(own, plan(Place.OWN, *faults)).wrong


@pytest.mark.parametrize(
    "faults",
    [
        [fault(Target.S3, Kind.CUT, 0.2, 1.0), fault(Target.REDIS, Kind.SILENT, 0.4, 1.0)],
        [
            fault(Target.WORKER, Kind.KILLED, 0.0, point=Point(Target.S3, 20)),
            fault(Target.OPERATOR, Kind.KILLED, 0.0, point=Point(Target.REDIS, 40)),
        ],
    ],
    ids=lambda faults: ", ".join(f"{each.target} {each.kind}" for each in faults),
)
def test_everything_holds_after_faults_of_distant_servers(beyond, faults):
    assert not run(beyond, plan(Place.BEYOND, *faults)).wrong


@pytest.mark.parametrize(
    "faults",
    [
        [fault(Target.API_SERVER, Kind.KILLED, 0.3), fault(Target.SHARD, Kind.KILLED, 0.8)],
        [fault(Target.ETCD, Kind.KILLED, 0.3), fault(Target.OPERATOR, Kind.FROZEN, 0.5, 1.0)],
        [fault(Target.API_SERVER, Kind.CUT, 0.2, 1.0), fault(Target.REDIS, Kind.EMPTIED, 0.6)],
    ],
    ids=lambda faults: ", ".join(f"{each.target} {each.kind}" for each in faults),
)
def test_everything_holds_after_faults_of_a_cluster(cluster, faults):
    assert not run(cluster, plan(Place.CLUSTER, *faults)).wrong
