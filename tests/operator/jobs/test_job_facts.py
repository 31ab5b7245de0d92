"""What is read off a Job and its pods, in the API server's own spelling."""

from typing import Any

import pytest

from imagejobs_operator.decide.observed import ChildEnd, Presence
from imagejobs_operator.jobs.kubernetes import find_out_of_memory, read_child_job

OWNER = {"kind": "ImageJob", "uid": "mine", "controller": True}


def body(status: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {"ownerReferences": [OWNER], **meta},
        "spec": {"parallelism": 3, "suspend": False},
        "status": status or {},
    }


def pod(index: str, code: int, *conditions: str) -> dict[str, Any]:
    ended = {"state": {"terminated": {"exitCode": code}}}
    status = {
        "containerStatuses": [ended],
        "conditions": [{"type": each, "status": "True"} for each in conditions],
    }
    return {"metadata": {"labels": {"batch.kubernetes.io/job-completion-index": index}}, "status": status}


@pytest.mark.parametrize(
    "owners",
    [[], None, [{**OWNER, "uid": "other"}], [{**OWNER, "controller": False}]],
    ids=["none", "null", "another's", "no controller"],
)
def test_a_job_of_somebody_else_is_foreign(owners: object) -> None:
    assert read_child_job(body(ownerReferences=owners), "mine").presence is Presence.FOREIGN


@pytest.mark.parametrize(
    ("suspend", "annotations", "held"),
    [(False, {}, False), (True, {}, True), (True, {"imagejobs.dev/suspended": "true"}, False)],
    ids=["runs", "by others", "by us"],
)
def test_a_job_that_others_suspended_is_held(suspend: bool, annotations: dict[str, str], held: bool) -> None:
    job = body(annotations=annotations)
    job["spec"]["suspend"] = suspend
    child = read_child_job(job, "mine")
    assert (child.suspended, child.held) == (suspend, held)


def test_a_running_job_tells_its_pods() -> None:
    child = read_child_job(body({"active": 2, "ready": 1}, creationTimestamp="2026-11-24T12:00:00Z"), "mine")
    assert (child.presence, child.active, child.ready, child.parallelism, child.ended) == (
        Presence.OURS,
        2,
        1,
        3,
        None,
    )
    assert child.created is not None
    assert child.deleting_since is None


@pytest.mark.parametrize(("kind", "end"), [("Complete", ChildEnd.COMPLETE), ("Failed", ChildEnd.FAILED)])
def test_a_job_that_ended_says_how(kind: str, end: ChildEnd) -> None:
    conditions = [
        {"type": "FailureTarget", "status": "True"},
        {"type": kind, "status": "True", "reason": "FailedIndexes"},
    ]
    assert read_child_job(body({"conditions": conditions}), "mine").ended is end


def test_a_condition_that_is_false_ends_nothing() -> None:
    assert read_child_job(body({"conditions": [{"type": "Failed", "status": "False"}]}), "mine").ended is None


def test_a_job_that_kueue_admits_is_known_by_its_label() -> None:
    assert read_child_job(body(labels={"kueue.x-k8s.io/queue-name": "team"}), "mine").managed
    assert not read_child_job(body(labels=None), "mine").managed


def test_an_index_that_ran_out_of_memory_is_not_mistaken_for_an_evicted_one() -> None:
    assert find_out_of_memory([pod("0", 137), pod("1", 137, "DisruptionTarget"), pod("2", 75)]) == {0}
