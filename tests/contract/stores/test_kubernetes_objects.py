import pytest

from imagejobs_contract.errors import Invalid, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State
from imagejobs_contract.stores import kubernetes_objects as objects


def test_an_imagejob_lies_under_its_group_version_and_namespace():
    assert objects.job_path(JobKey("shop", "a")) == "/apis/imagejobs.dev/v1alpha1/namespaces/shop/imagejobs/a"
    assert objects.collection_path(None) == "/apis/imagejobs.dev/v1alpha1/imagejobs"


@pytest.mark.parametrize(
    "key",
    [
        JobKey("shop", ".."),
        JobKey("shop", "a/status"),
        JobKey("shop", "a?x=1"),
        JobKey("..", "a"),
        JobKey("", "a"),
    ],
)
def test_a_name_cannot_lead_a_request_elsewhere(key):
    with pytest.raises(NotFound):
        objects.job_path(key)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": [1]}, {"a": [1]}),
        ({"a": 1, "b": {"c": 1}}, {"b": {"c": 2}}, {"a": None, "b": {"c": 2}}),
        (
            {"a": {"b": 1, "c": 2, "d": {"e": 1}}},
            {"a": {"b": 1, "d": {}}},
            {"a": {"c": None, "d": {"e": None}}},
        ),
    ],
)
def test_a_merge_patch_holds_what_differs_and_nulls_what_vanished(before, after, patch):
    assert objects.merge_patch(before, after) == patch


def test_what_the_server_assigns_is_not_sent():
    body = objects.new_body(
        ImageJob(
            JobKey("shop", "a"), Spec(items=(Item(key="a"),)), uid="u", resource_version="7", generation=3
        )
    )
    assert body["metadata"] == {"name": "a", "namespace": "shop"}


def test_pending_jobs_are_those_of_no_other_state():
    assert objects.state_selector(None) == ""
    assert objects.state_selector(State.RUNNING) == "status.state=Running"
    assert objects.state_selector(State.PENDING).count("!=") == len(State) - 1


@pytest.mark.parametrize(
    ("place", "token", "places", "cursor"),
    [(0, "", 1, ""), (0, "abc", 1, "0.abc"), (0, "", 2, "1."), (1, "x.y", 2, "1.x.y"), (1, "", 2, "")],
)
def test_a_cursor_walks_through_the_pages_of_one_namespace_and_then_the_next(place, token, places, cursor):
    assert objects.format_cursor(place, token, places) == cursor
    if cursor:
        assert objects.read_cursor(cursor, places) in ((place, token), (place + 1, ""))


@pytest.mark.parametrize("cursor", ["abc", "2.", ".", "-1.x", "0"])
def test_a_cursor_of_somebody_elses_making_is_refused(cursor):
    with pytest.raises(Invalid):
        objects.read_cursor(cursor, 2)
