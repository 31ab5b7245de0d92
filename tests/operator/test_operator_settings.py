"""The operator's variables."""

import json
from pathlib import Path

import pytest

from imagejobs_contract.errors import Invalid
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.reader import Reader
from imagejobs_operator.jobs.pod_profiles import SIZES, PodDefaults, Size
from imagejobs_operator.settings import Settings


def read(**environ: str) -> Settings:
    reader = Reader(environ)
    settings = Settings.read(reader)
    reader.check()
    return settings


def test_a_cluster_is_the_default_and_needs_the_workers_image() -> None:
    with pytest.raises(Invalid, match="WORKER_IMAGE"):
        read()
    settings = read(WORKER_IMAGE="worker:1")
    assert (settings.sqlite, settings.namespaces, settings.jobs, settings.pool) == (
        None,
        ("default",),
        True,
        True,
    )
    assert read(JOBS_ENABLED="false").jobs is False


def test_a_file_makes_it_local_without_jobs() -> None:
    settings = read(JOB_STORE="sqlite:/data/jobs.sqlite", JOBS_ENABLED="true")
    assert (settings.sqlite, settings.jobs) == (Path("/data/jobs.sqlite"), False)


@pytest.mark.parametrize(("text", "expected"), [("*", None), ("a", ("a",)), ("a,b-c", ("a", "b-c"))])
def test_namespaces(text: str, expected: tuple[str, ...] | None) -> None:
    assert read(WORKER_IMAGE="w", NAMESPACES=text).namespaces == expected


def test_profiles_that_are_not_given_keep_their_default() -> None:
    settings = read(WORKER_IMAGE="w", PROFILES='{"Small": {"limits": {"memory": "1Gi"}, "parallel": 2}}')
    assert settings.sizes[Profile.SMALL] == Size({"limits": {"memory": "1Gi"}}, 2)
    assert settings.sizes[Profile.LARGE] == SIZES[Profile.LARGE]


def test_what_all_pods_get_is_read_once() -> None:
    given = {
        "labels": {"a": "b"},
        "env": [{"name": "TZ", "value": "UTC"}],
        "imagePullPolicy": "Always",
        "tolerations": [{"operator": "Exists"}],
        "affinity": {},
    }
    expected = PodDefaults(
        {"a": "b"}, {}, ({"name": "TZ", "value": "UTC"},), "Always", {"tolerations": [{"operator": "Exists"}]}
    )
    assert read(WORKER_IMAGE="w", WORKER_POD=json.dumps(given)).pod == expected
    assert read(WORKER_IMAGE="w").pod == PodDefaults()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_STORE", "postgres"),
        ("NAMESPACES", "A b"),
        ("NAMESPACES", "a,*"),
        ("PROFILES", '{"Tiny": {}}'),
        ("PROFILES", "[]"),
        ("PROFILES", "{"),
        ("PROFILES", '{"Small": 1}'),
        ("PROFILES", '{"Small": {"parallel": 0}}'),
        ("WORKER_POD", "[]"),
        ("WORKER_POD", '{"hostNetwork": true}'),
        ("WORKER_POD", '{"tolerations": {}}'),
        ("WORKER_POD", '{"env": [{"value": "nameless"}]}'),
        ("WORKER_POD", '{"imagePullPolicy": "Sometimes"}'),
        ("HEALTH_LISTEN", "8081"),
        ("RESYNC_SECONDS", "0"),
        ("WORKER_ENV_SECRET", "a,,b"),
    ],
)
def test_bad_values_are_named(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=name):
        read(**{"WORKER_IMAGE": "w", name: value})


def test_lists_and_addresses_are_taken_apart() -> None:
    settings = read(WORKER_IMAGE="w", WORKER_ENV_SECRET="a,b", HEALTH_LISTEN="0.0.0.0:8081")
    assert (settings.worker_env_secrets, settings.health) == (("a", "b"), ("0.0.0.0", 8081))
