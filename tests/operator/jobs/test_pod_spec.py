"""The Job that runs an ImageJob.

That the API server takes it, also under the restricted Pod Security Standard, is tested in `controlplane`.
"""

from dataclasses import replace

import pytest

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.wire import shards
from imagejobs_operator.jobs.pod_profiles import PodDefaults, Size
from imagejobs_operator.jobs.pod_spec import PodSettings, make_job
from support.operator.world import spec

SETTINGS = PodSettings(
    "registry/worker:1",
    ("s3", "redis"),
    "settings",
    "worker",
    {Profile.LARGE: Size({"requests": {"cpu": "2"}, "limits": {"memory": "10Gi"}}, parallel=4)},
)
JOB = ImageJob(JobKey("team", "holiday"), spec(25, items_per_pod=10), uid="1234abcd-0000")


def test_a_job_is_named_owned_and_labelled_after_its_imagejob() -> None:
    meta = make_job(JOB, 2, 3, SETTINGS)["metadata"]
    assert (meta["name"], meta["namespace"]) == ("holiday-1234abcd-2", "team")
    assert meta["labels"] == {names.LABEL_MANAGED_BY: names.MANAGER, names.LABEL_JOB: "holiday"}
    (owner,) = meta["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("1234abcd-0000", True, False)


def test_labels_that_costs_are_sorted_by_reach_the_pods_and_no_others_do() -> None:
    job = replace(JOB, labels={"team": "shop", "app": "x", names.LABEL_JOB: "another"})
    settings = replace(SETTINGS, copied_labels=frozenset({"team", "absent", names.LABEL_JOB}))
    body = make_job(job, 1, 3, settings)
    for labels in (body["metadata"]["labels"], body["spec"]["template"]["metadata"]["labels"]):
        assert (labels["team"], labels[names.LABEL_JOB]) == ("shop", "holiday")
        assert not {"app", "absent"} & set(labels)


@pytest.mark.parametrize(("parallelism", "expected"), [(2, 2), (10, 3)])
def test_pods_at_once_are_bounded_by_the_shards(parallelism: int, expected: int) -> None:
    body = make_job(replace(JOB, spec=replace(JOB.spec, parallelism=parallelism)), 1, 3, SETTINGS)["spec"]
    assert (body["completionMode"], body["completions"], body["parallelism"]) == ("Indexed", 3, expected)


@pytest.mark.parametrize(("most", "expected"), [(None, 3), (0, 0), (2, 2), (50, 3)])
def test_failed_indexes_are_bounded_by_failed_images(most: int | None, expected: int) -> None:
    body = make_job(replace(JOB, spec=replace(JOB.spec, max_failed_items=most)), 1, 3, SETTINGS)["spec"]
    assert body["maxFailedIndexes"] == expected


def test_disruptions_are_ignored_before_exit_codes_are_read() -> None:
    rules = make_job(JOB, 1, 3, SETTINGS)["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["Ignore", "FailJob", "FailIndex"]
    assert [rule["onExitCodes"]["values"] for rule in rules[1:]] == [[78], [65]]


def test_pods_hold_no_token_and_pass_the_restricted_standard() -> None:
    pod = make_job(JOB, 1, 3, SETTINGS)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert pod["restartPolicy"] == "Never"
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 65532)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}]


def test_pods_have_the_cas_that_the_settings_name() -> None:
    pod = make_job(JOB, 1, 3, replace(SETTINGS, ca_config_map="cas"))["spec"]["template"]["spec"]
    assert {"name": "ca", "configMap": {"name": "cas"}} in pod["volumes"]
    mount = {"name": "ca", "mountPath": "/etc/imagejobs-ca", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]


def test_pods_learn_their_job_and_shard_from_variables() -> None:
    (container,) = make_job(JOB, 2, 3, SETTINGS)["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in container["env"]}
    expected = {
        shards.ENV_NAME: "holiday",
        shards.ENV_NAMESPACE: "team",
        shards.ENV_UID: "1234abcd-0000",
        shards.ENV_ATTEMPT: "2",
        "MAX_PARALLEL": "1",
    }
    assert told == expected
    assert container["envFrom"] == [
        {"configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "s3"}},
        {"secretRef": {"name": "redis"}},
    ]


def test_pods_are_shaped_by_their_profile() -> None:
    large = make_job(
        replace(JOB, spec=replace(JOB.spec, profile=Profile.LARGE, priority_class_name="low")), 1, 3, SETTINGS
    )
    pod = large["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "2"}, "limits": {"memory": "10Gi"}}
    assert {"name": "MAX_PARALLEL", "value": "4"} in pod["containers"][0]["env"]
    assert (pod["priorityClassName"], pod["serviceAccountName"]) == ("low", "worker")
    assert "priorityClassName" not in make_job(JOB, 1, 3, SETTINGS)["spec"]["template"]["spec"]


def test_kueues_labels_are_passed_through() -> None:
    queued = replace(
        JOB,
        spec=replace(JOB.spec, queue_name="team-queue"),
        labels={names.LABEL_PRIORITY: "high", "other": "label"},
    )
    labels = make_job(queued, 1, 3, SETTINGS)["metadata"]["labels"]
    assert (labels[names.LABEL_QUEUE], labels[names.LABEL_PRIORITY]) == ("team-queue", "high")
    assert "other" not in labels


SHAPE = PodDefaults(
    {"tier": "back", names.LABEL_JOB: "somebody-else"},
    {"note": "hello"},
    (
        {"name": "TZ", "value": "UTC"},
        {"name": "MAX_PARALLEL", "value": "3"},
        {"name": shards.ENV_UID, "value": "forged"},
    ),
    "Always",
    {"nodeSelector": {"pool": "spot"}, "priorityClassName": "batch"},
)


def test_pods_get_what_the_settings_say_for_all_of_them() -> None:
    template = make_job(JOB, 1, 3, replace(SETTINGS, pod=SHAPE))["spec"]["template"]
    pod, container = template["spec"], template["spec"]["containers"][0]
    assert template["metadata"]["annotations"] == {"note": "hello"}
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"pool": "spot"}, "batch")
    assert container["imagePullPolicy"] == "Always"
    told = {each["name"]: each["value"] for each in container["env"]}
    assert (told["TZ"], told["MAX_PARALLEL"]) == ("UTC", "3")


def test_settings_for_all_pods_change_neither_whose_a_pod_is_nor_its_shard() -> None:
    template = make_job(JOB, 1, 3, replace(SETTINGS, pod=SHAPE))["spec"]["template"]
    assert template["metadata"]["labels"] == {
        "tier": "back",
        names.LABEL_MANAGED_BY: names.MANAGER,
        names.LABEL_JOB: "holiday",
    }
    env = template["spec"]["containers"][0]["env"]
    assert [each["value"] for each in env if each["name"] == shards.ENV_UID] == ["1234abcd-0000"]


def test_the_priority_of_an_imagejob_wins_over_that_of_the_settings() -> None:
    urgent = replace(JOB, spec=replace(JOB.spec, priority_class_name="urgent"))
    assert (
        make_job(urgent, 1, 3, replace(SETTINGS, pod=SHAPE))["spec"]["template"]["spec"]["priorityClassName"]
        == "urgent"
    )
