import pytest

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.runtime.settings import read
from imagejobs_worker.settings import Settings
from imagejobs_worker.shard.shard_key import ShardKey

SHARD = {
    "IMAGEJOB_NAME": "holiday",
    "IMAGEJOB_NAMESPACE": "team-a",
    "IMAGEJOB_UID": "0b-1",
    "IMAGEJOB_ATTEMPT": "2",
    "JOB_COMPLETION_INDEX": "7",
}


def test_everything_has_a_default():
    settings = read({}, Settings.read)
    assert (
        settings.parallel,
        settings.lease_seconds,
        settings.grace_seconds,
        settings.checkpoint_seconds,
    ) == (1, 10.0, 20.0, 5.0)
    assert settings.egress_policy == EgressPolicy()


def test_all_bad_variables_are_named_at_once(capsys):
    bad = {
        "MAX_PARALLEL": "0",
        "LEASE_SECONDS": "x",
        "LOG_LEVEL": "loud",
        "MEMORY_LIMIT": "1kB",
        "ALLOWED_PRIVATE_SOURCES": "10.0.0.1/8 nonsense",
        "WORKER_NAME": "a b",
        "MAX_PIXELS": "-1",
    }
    with pytest.raises(SystemExit) as caught:
        read(bad, Settings.read)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert all(name in error for name in bad)
    assert error.count("ALLOWED_PRIVATE_SOURCES") == 2


def test_private_sources_are_separated_by_commas_or_spaces():
    settings = read({"ALLOWED_PRIVATE_SOURCES": "10.0.0.0/8, fd00::/8 127.0.0.1/32"}, Settings.read)
    assert settings.egress_policy.private == ("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")


def test_a_pod_of_a_job_knows_its_shard():
    assert read(SHARD, ShardKey.read) == ShardKey(JobKey("team-a", "holiday"), "0b-1", 2, 7)


@pytest.mark.parametrize(
    "name", ["IMAGEJOB_NAME", "IMAGEJOB_UID", "IMAGEJOB_ATTEMPT", "JOB_COMPLETION_INDEX"]
)
def test_a_shard_without_its_variables_says_which(capsys, name):
    with pytest.raises(SystemExit):
        read({key: value for key, value in SHARD.items() if key != name}, ShardKey.read)
    assert f"{name}: is missing" in capsys.readouterr().err
