"""What the ImageJobs of a namespace may use: nothing that an administrator did not give."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.errors import Invalid
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Execution, Manifest, Output, Spec
from imagejobs_contract.model.status import ConditionType, Reason, State, Status
from imagejobs_contract.reader import Reader
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.grants import (
    MAX_FAULTS,
    NOTHING,
    UNGUARDED,
    Grant,
    Grants,
    list_faults,
    read_grants,
    readable_prefixes,
)
from imagejobs_operator.decide.observed import Observed
from imagejobs_operator.decide.plan import UNKNOWN_GUARD_SECONDS, plan
from imagejobs_operator.decide.plan_input import Policy
from imagejobs_operator.decide.runner_choice import Runner, fixed_runner
from support.operator.world import START

GIVEN = Grant(("photos/",), ("sites/shop/",), ("batch",), ("shop",), callbacks=True, pods=4)
POLICY = Policy(START, grants=Grants({"shop": GIVEN}))
URL = Item("a.jpg", url="https://example.org/a.jpg")
BY_API = {names.ANNOTATION_SOURCES: "[]"}


def job(namespace: str = "shop", **spec: object) -> ImageJob:
    return ImageJob(JobKey(namespace, "j"), replace(Spec((URL,)), **spec), Uid("u"), created=START)


def manifest(key: str) -> ImageJob:
    return job(items=(), manifest=Manifest(key, 3))


ASKS = {
    "a key": (
        job(items=(Item(key="photos/a.jpg"),)),
        job(items=(Item(key="photo/a.jpg"),)),
        "spec.items[0].key",
    ),
    "a key that climbs": (
        job(items=(Item(key="photos/a..jpg"),)),
        job(items=(Item(key="photos/../uploads/a"),)),
        "spec.items[0].key",
    ),
    "the second key": (
        job(items=(URL, Item(key="photos/b"))),
        job(items=(URL, Item(key="uploads/shop.bob.j1/0/b"))),
        "spec.items[1].key",
    ),
    "a manifest": (manifest("photos/a.jsonl"), manifest("jobs/u/manifest.jsonl"), "spec.manifest.key"),
    "a prefix": (
        job(output=Output("sites/shop")),
        job(output=Output("sites/shopping")),
        "spec.output.prefix",
    ),
    "results of others": (
        job(output=Output("sites/shop/2026/")),
        job(output=Output("outputs/j1")),
        "spec.output.prefix",
    ),
    "a priority": (
        job(priority_class_name="batch"),
        job(priority_class_name="system-node-critical"),
        "spec.priorityClassName",
    ),
    "a queue": (job(queue_name="shop"), job(queue_name="blog"), "spec.queueName"),
}


@pytest.mark.parametrize(("right", "wrong", "where"), ASKS.values(), ids=ASKS)
def test_what_was_not_given_is_refused_and_where(right: ImageJob, wrong: ImageJob, where: str) -> None:
    assert list_faults(right, GIVEN) == []
    (fault,) = list_faults(wrong, GIVEN)
    assert fault.startswith(where)
    assert [each.partition(":")[0] for each in list_faults(right, NOTHING)] == [where]


def test_callbacks_and_pods_are_given_too() -> None:
    called, in_pods = job(callback_url="https://example.org/"), job(execution=Execution.JOB)
    assert list_faults(called, GIVEN) == list_faults(in_pods, GIVEN) == []
    assert list_faults(called, NOTHING)[0].startswith("spec.callback")
    assert list_faults(in_pods, NOTHING)[0].startswith("spec.execution")


def test_a_url_and_the_jobs_own_prefix_need_no_grant() -> None:
    assert list_faults(job("elsewhere"), NOTHING) == []


def test_a_refusal_of_many_keys_is_short() -> None:
    many = job(items=tuple(Item(key=f"x/{n}") for n in range(500)))
    assert len(list_faults(many, GIVEN)) == MAX_FAULTS


@pytest.mark.parametrize(
    "claim",
    [
        {"labels": {names.LABEL_CALLER: "bob"}},
        {"annotations": {names.ANNOTATION_UPLOADS: "uploads/j1/"}},
        {"annotations": BY_API},
    ],
    ids=["caller", "uploads", "sources"],
)
def test_what_the_api_made_it_has_checked_itself(claim: dict[str, dict[str, str]]) -> None:
    made = replace(job("elsewhere", items=(Item(key="uploads/j1/0"),)), **claim)
    assert made.made_by_api
    assert list_faults(made, NOTHING) == []
    assert list_faults(replace(made, labels={}, annotations={}), NOTHING)


def test_the_lines_of_a_manifest_lie_where_its_author_may_read() -> None:
    grants = Grants({"shop": GIVEN})
    assert readable_prefixes(job(), grants) == ("photos/",)
    assert readable_prefixes(job("elsewhere"), grants) == ()
    assert readable_prefixes(replace(job(), annotations={names.ANNOTATION_SOURCES: '["a/"]'}), grants) == (
        "a/",
    )
    assert readable_prefixes(replace(job(), annotations={names.ANNOTATION_SOURCES: "7"}), grants) == ()
    assert readable_prefixes(job(), None) is None  # one machine: only the API makes jobs


def test_a_job_that_asks_for_more_stays_until_it_is_given_and_is_written_once() -> None:
    asks = job(queue_name="blog")
    write, event = plan(asks, Observed(), START, POLICY)
    assert isinstance(write, actions.WriteStatus)
    assert isinstance(event, actions.Emit)
    assert (event.reason, event.warning) == (Reason.NOT_GRANTED, True)
    accepted = write.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == (False, Reason.NOT_GRANTED)
    assert "spec.queueName: blog was not given to this namespace" in accepted.message
    refused = replace(asks, status=write.status)
    later = START + timedelta(hours=3)
    assert plan(refused, Observed(), later, POLICY) == ()
    given = Policy(START, grants=Grants({"shop": replace(GIVEN, queues=("blog",))}))
    assert any(
        isinstance(each, actions.CreateJob) for each in plan(refused, Observed(workers=1), START, given)
    )


def test_a_job_that_has_begun_keeps_what_it_was_given() -> None:
    begun = replace(
        job(queue_name="blog", execution=Execution.JOB),
        status=Status(state=State.RUNNING, attempt=1, job_name="j-u-1", queued=START, started=START),
    )
    assert not any(
        isinstance(each, actions.WriteStatus)
        and each.status.condition(ConditionType.ACCEPTED).reason is Reason.NOT_GRANTED  # type: ignore[union-attr]
        for each in plan(begun, Observed(), START, POLICY)
    )
    assert fixed_runner(begun, Policy(START, grants=Grants())) is Runner.JOB


@pytest.mark.parametrize(
    "claim", [{"labels": {names.LABEL_CALLER: "bob"}}, {"annotations": BY_API}], ids=["caller", "sources"]
)
def test_where_nothing_guards_it_no_job_is_believed_to_be_the_apis(claim: dict[str, dict[str, str]]) -> None:
    claims = replace(job(), **claim)  # type: ignore[arg-type]
    write, _ = plan(claims, Observed(workers=1), START, replace(POLICY, believes_claims=False))
    assert isinstance(write, actions.WriteStatus)
    accepted = write.status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason, accepted.message) == (False, Reason.NOT_GRANTED, UNGUARDED)
    assert plan(claims, Observed(workers=1), START, replace(POLICY, believes_claims=None)) == (
        actions.Requeue(UNKNOWN_GUARD_SECONDS),
    )
    others = plan(job(), Observed(workers=1), START, replace(POLICY, believes_claims=False))
    assert any(isinstance(each, actions.SendTasks) for each in others)


def test_uploads_that_are_not_believed_are_not_deleted() -> None:
    claims = replace(job(), annotations={names.ANNOTATION_UPLOADS: "uploads/j1/", "team": "a"})
    assert Policy(START, believes_claims=False).believed(claims).annotations == {"team": "a"}
    assert Policy(START).believed(claims) == claims


@pytest.mark.parametrize(
    ("grants", "refused"),
    [
        (Grants({"shop": replace(GIVEN, queues=("blog",))}), ""),
        (Grants({"shop": GIVEN}), "spec.queueName: blog was not given"),
        (Grants({"shop": replace(GIVEN, queues=("blog",), pods=0)}), "spec.execution: pods were not given"),
    ],
    ids=["given", "queue withdrawn", "pods withdrawn"],
)
def test_a_retry_begins_with_what_is_given_then(grants: Grants, refused: str) -> None:
    counts = Counts(1, failed=1)
    ended = Status(state=State.FAILED, attempt=1, job_name="j-u-1", counts=counts, completed=START)
    retried = replace(job(queue_name="blog", retry_failed=1), status=ended)
    todo = plan(retried, Observed(), START, Policy(START, grants=grants))
    told = [
        condition.message
        for each in todo
        if isinstance(each, actions.WriteStatus)
        and (condition := each.status.condition(ConditionType.ACCEPTED)) is not None
        and not condition.status
    ]
    if refused:
        assert refused in told[0]
        assert not any(isinstance(each, actions.CreateJob) for each in todo)
    else:
        assert told == []
        assert any(isinstance(each, actions.CreateJob) for each in todo)


def test_without_pods_the_pool_does_the_work_and_a_manifest_finds_nobody() -> None:
    poor = Policy(START, grants=Grants())
    many = job(items=(URL,) * 20)
    assert (fixed_runner(many, POLICY), fixed_runner(many, poor)) == (Runner.JOB, Runner.POOL)
    assert fixed_runner(manifest("photos/a"), poor) is Runner.NOBODY


def test_a_job_runs_no_more_pods_at_a_time_than_its_namespace_was_given() -> None:
    assert POLICY.confine(job(parallelism=1000)).spec.parallelism == 4
    assert POLICY.confine(job(parallelism=3)).spec.parallelism == 3
    assert Policy(START).confine(job(parallelism=1000)).spec.parallelism == 1000


def test_the_label_for_kueues_priority_counts_only_where_it_was_given() -> None:
    given, taken = ({names.LABEL_PRIORITY: name} for name in ("batch", "urgent"))
    assert POLICY.confine(replace(job(), labels=given)).labels == given
    assert POLICY.confine(replace(job(), labels={**taken, "team": "a"})).labels == {"team": "a"}


def read(text: str | None) -> Grants:
    reader = Reader({} if text is None else {"GRANTS": text})
    grants = read_grants(reader)
    reader.check()
    return grants


def test_grants_are_read_from_json() -> None:
    body = {
        "shop": {
            "sources": ["photos/"],
            "outputs": ["sites/shop/"],
            "priorityClasses": ["batch"],
            "queues": ["shop"],
            "callbacks": True,
            "pods": 4,
        },
        "blog": {},
    }
    assert read(json.dumps(body)) == Grants({"shop": GIVEN, "blog": NOTHING})
    assert read(None) == Grants()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "GRANTS: is not a JSON object"),
        ("{", "GRANTS: is not a JSON object"),
        ('{"shop": []}', "GRANTS.shop: is not an object"),
        ('{"shop": {"source": []}}', "GRANTS.shop.source: unknown; did you mean sources?"),
        ('{"shop": {"sources": ["photos"]}}', "GRANTS.shop.sources"),
        ('{"shop": {"sources": ["/"]}}', "GRANTS.shop.sources"),
        ('{"shop": {"sources": ["a/../b/"]}}', "GRANTS.shop.sources"),
        ('{"shop": {"sources": ["uploads/"]}}', "holds files of others"),
        ('{"shop": {"outputs": ["outputs/shop/"]}}', "holds files of others"),
        ('{"shop": {"outputs": ["jobs/"]}}', "holds files of others"),
        ('{"shop": {"priorityClasses": ["system-node-critical"]}}', "of the cluster's own parts"),
        ('{"shop": {"pods": 1001}}', "GRANTS.shop.pods"),
    ],
)
def test_a_fault_in_the_grants_is_named(text: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(text)
    assert told in caught.value.message
