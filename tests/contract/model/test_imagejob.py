from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.errors import Fault
from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.spec import (
    INTEGERS,
    DeletionPolicy,
    Execution,
    Manifest,
    Output,
    Profile,
    Spec,
    immutable_changes,
    output_collisions,
    with_distinct_names,
)
from imagejobs_contract.model.spec_json import SPEC_FIELDS, read_spec, spec_body
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.reader import Reader

ITEMS = [{"key": "uploads/x/0"}]
DNS_LABELS = st.none() | st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


@st.composite
def specs(draw) -> Spec:
    """Any spec that makes sense."""
    sources = st.builds(Item, key=st.from_regex(r"[a-z][ -~]{0,20}", fullmatch=True)) | st.just(
        Item(url="https://example.org/a.jpg")
    )
    listed = with_distinct_names(
        [
            replace(item, name=name)
            for item, name in draw(st.lists(st.tuples(sources, TEXTS), min_size=1, max_size=4))
        ]
    )
    manifest = draw(
        st.none()
        | st.builds(Manifest, key=st.just("lists/a.jsonl"), count=st.integers(1, limits.MAX_MANIFEST_ITEMS))
    )
    numbers = {name: draw(st.integers(low, high)) for name, (_, low, high) in INTEGERS.items()}
    return Spec(
        items=() if manifest else listed, manifest=manifest,
        variants=draw(st.sampled_from([(Variant(),), (Variant("a", width=5), Variant("b"))])),
        output=draw(
            st.builds(
                Output, st.none() | st.just("sites/shop/"), st.none() | st.just("max-age=60"),
                st.sampled_from(DeletionPolicy),
            ),
        ),
        execution=draw(st.sampled_from(Execution)), attempts=draw(st.integers(1, limits.MAX_ATTEMPTS)),
        suspend=draw(st.booleans()), cancel=draw(st.booleans()), queue_name=draw(DNS_LABELS),
        class_name=draw(DNS_LABELS),
        priority_class_name=draw(DNS_LABELS), profile=draw(st.sampled_from(Profile)),
        callback_url=draw(st.none() | st.just("https://example.org/hook")),
        retry_codes=draw(st.sampled_from([(), ("source_error", "storage_error")])), **numbers,
    )  # fmt: skip


def faults_of(spec: dict) -> list[str]:
    reader = Reader(spec, "spec")
    read_spec(reader)
    return [fault.where for fault in reader.faults]


@given(specs())
def test_any_spec_is_read_back_from_what_is_written(spec):
    reader = Reader(spec_body(spec), "spec")
    assert read_spec(reader) == spec
    assert reader.faults == []


@given(specs(), st.dictionaries(TEXTS, TEXTS, max_size=2), st.booleans())
def test_any_job_is_read_back_from_what_is_written(spec, labels, seen):
    status = Status(1, State.RUNNING, counts=Counts(4, 1, 2, 1)) if seen else Status()
    job = ImageJob(
        JobKey("ns", "j1"),
        spec,
        "u1",
        "42",
        3,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        False,
        labels,
        labels,
        ("a/b",),
        status,
    )
    assert ImageJob.from_body(job.to_body()) == job


def test_defaults_are_left_out_of_bodies():
    assert spec_body(Spec(items=(Item(key="a"),))) == {
        "variants": [{"name": "default"}],
        "items": [{"key": "a"}],
    }


def test_every_field_of_a_spec_is_written_when_it_is_no_default():
    full = Spec(
        items=(Item(key="a"),), output=Output("p"), execution=Execution.JOB, parallelism=2, items_per_pod=3,
        attempts=4, retry_failed=1, max_failed_items=0, suspend=True, cancel=True, active_deadline_seconds=5,
        ttl_seconds_after_finished=6, queue_name="q", priority_class_name="c", profile=Profile.LARGE,
        callback_url="https://example.org/", repeat_callback=1, retry_codes=("source_error",),
        class_name="shop",
    )  # fmt: skip
    assert {*spec_body(full), "manifest"} == set(SPEC_FIELDS)


def test_all_faults_of_a_stored_job_come_at_once_and_the_rest_of_it_is_kept():
    body = {
        "metadata": {
            "name": "j1",
            "namespace": "ns",
            "uid": "u1",
            "resourceVersion": "7",
            "deletionTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {
            "items": [{"key": "a", "url": "ftp://b"}, {"name": "x"}],
            "variants": [{"width": 0}],
            "parallelism": 0,
        },
    }
    with pytest.raises(UnreadableJob) as raised:
        ImageJob.from_body(body)
    expected = ["items[0].key", "items[0].url", "items[1].key", "parallelism", "variants[0].width"]
    assert sorted(fault.where for fault in raised.value.faults) == [f"spec.{field}" for field in expected]
    job = raised.value.job
    assert (job.key, job.uid, job.resource_version, job.deleting, job.spec) == (
        JobKey("ns", "j1"),
        "u1",
        "7",
        True,
        Spec(),
    )


def test_fields_that_a_newer_definition_added_do_not_make_a_stored_job_unreadable():
    spec = {
        "items": [{"key": "a", "mood": "calm"}],
        "variants": [{"width": 9, "hue": 3}],
        "output": {"tier": "cold"},
        "note": "",
    }
    job = ImageJob.from_body({"metadata": {"name": "j1"}, "spec": spec})
    assert (job.spec.items, job.spec.variants[0].width) == ((Item(key="a"),), 9)


@pytest.mark.parametrize(
    "body",
    [{}, {"metadata": None}, {"spec": None}, {"spec": 5}, {"spec": {"items": None}}, {"spec": {}}],
    ids=str,
)
def test_a_job_without_a_spec_is_unreadable(body):
    with pytest.raises(UnreadableJob):
        ImageJob.from_body(body)


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({}, ["spec.items"]),
        ({"items": ITEMS, "manifest": {"key": "a", "count": 1}}, ["spec.items"]),
        ({"manifest": {}}, ["spec.manifest.key", "spec.manifest.count"]),
        ({"manifest": {"key": "a", "count": 0}}, ["spec.manifest.count"]),
        ({"items": [{"key": f"k{n}"} for n in range(501)]}, ["spec.items"]),
        ({"items": [{"key": "/a"}]}, ["spec.items[0].key"]),
        ({"items": [{"key": "a", "name": "x.jpg"}, {"key": "b", "name": "x.png"}]}, ["spec.items[1].name"]),
        ({"items": ITEMS, "variants": [{"name": "a"}, {"name": "a"}]}, ["spec.variants[1].name"]),
        ({"items": ITEMS, "variants": [{"name": "A!"}]}, ["spec.variants[0].name"]),
        ({"items": ITEMS, "output": {"prefix": "uploads/x"}}, ["spec.output.prefix"]),
        ({"items": ITEMS, "output": {"prefix": "jobs"}}, ["spec.output.prefix"]),
        ({"items": ITEMS, "output": {"prefix": "a/../b"}}, ["spec.output.prefix"]),
        ({"items": ITEMS, "output": {"prefix": "/a"}}, ["spec.output.prefix"]),
        ({"items": ITEMS, "retry": {"attempts": 11}}, ["spec.retry.attempts"]),
        ({"items": ITEMS, "callback": {"url": "javascript:1"}}, ["spec.callback.url"]),
        ({"items": ITEMS, "className": "Shop"}, ["spec.className"]),
        ({"items": ITEMS, "queueName": "Q"}, ["spec.queueName"]),
    ],
    ids=str,
)
def test_a_spec_that_contradicts_itself_is_refused(spec, where):
    assert faults_of(spec) == where


@pytest.mark.parametrize(("field", "low", "high"), list(INTEGERS.values()), ids=lambda value: str(value))
def test_whole_numbers_include_their_ends_and_nothing_beyond(field, low, high):
    assert [faults_of({"items": ITEMS, field: value}) for value in (low - 1, low, high, high + 1)] == [
        [f"spec.{field}"],
        [],
        [],
        [f"spec.{field}"],
    ]


def test_the_total_is_of_the_items_or_of_the_manifest():
    assert Spec(items=(Item(key="a"), Item(key="b"))).total == 2
    assert Spec(manifest=Manifest("a", 1000)).total == 1000


def test_outputs_go_where_the_spec_says_else_to_the_jobs_own_prefix():
    job = ImageJob(JobKey("n", "j1"), Spec(), Uid("u"))
    assert job.prefix == "outputs/n.j1.u"
    assert replace(job, spec=Spec(output=Output("p/"))).prefix == "p/"


def test_an_image_without_a_name_or_in_a_manifest_has_none():
    job = ImageJob(JobKey("n", "j1"), Spec(items=(Item("a.jpg", key="k"), Item(key="k2"))))
    assert [job.item_name(index) for index in range(3)] == ["a.jpg", "", ""]


MUTABLE = {
    "parallelism": 2,
    "suspend": True,
    "cancel": True,
    "retry_failed": 1,
    "retry_codes": ("source_timeout",),
    "ttl_seconds_after_finished": 5,
    "repeat_callback": 1,
}
OTHERS = {
    "items": (Item(key="b"),), "manifest": Manifest("a", 1), "variants": (Variant("b"),),
    "output": Output("p"), "execution": Execution.POOL, "items_per_pod": 5, "attempts": 5,
    "max_failed_items": 5, "active_deadline_seconds": 5, "queue_name": "q", "priority_class_name": "c",
    "profile": Profile.LARGE, "callback_url": "https://example.org/", "class_name": "shop",
}  # fmt: skip


@pytest.mark.parametrize("field", list(Spec.__dataclass_fields__))
def test_what_may_change_may_and_nothing_else(field):
    before = Spec(items=(Item(key="a"),))
    after = replace(before, **{field: (MUTABLE | OTHERS)[field]})
    assert [fault.where for fault in immutable_changes(before, after)] == (
        [] if field in MUTABLE else [f"spec.{field}"]
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"cancel": True}, {"cancel": False}),
        ({"retry_failed": 2}, {"retry_failed": 1}),
        ({"repeat_callback": 2}, {"repeat_callback": 1}),
    ],
    ids=str,
)
def test_some_changes_go_one_way_only(before, after):
    assert len(immutable_changes(Spec(**before), Spec(**after))) == 1


def test_a_number_can_collide_with_a_name():
    assert output_collisions(["1.jpg", ""]) == [
        Fault("spec.items[1].name", "its result would overwrite that of items[0]")
    ]


@given(st.lists(TEXTS, max_size=8))
def test_named_items_never_overwrite_each_other(texts):
    items = with_distinct_names([Item(text, key="k") for text in texts])
    assert output_collisions([item.name for item in items]) == []
