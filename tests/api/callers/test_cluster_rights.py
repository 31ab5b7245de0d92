"""Which priority classes and queues of the cluster a caller's jobs may name: by default none."""

import json

import pytest

from imagejobs_api.callers import keyring
from imagejobs_api.callers.caller import Caller
from imagejobs_api.callers.permissions import ClusterRights
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.job_request import Permissions, read_request
from imagejobs_contract.errors import Invalid
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.reader import Reader

GUARD = AddressGuard(EgressPolicy())
SHOP = Caller("shop", priority_classes=("batch",), queues=("shop",))


def faults(caller: Caller, rights: ClusterRights, **fields: str) -> list[str]:
    """Return the fields of a request that are refused, with the reason."""
    permissions = Permissions((), (), 0.0, rights.priority_classes(caller), rights.queues(caller))
    body = {"items": [{"url": "https://example.org/a.jpg"}], **fields}
    try:
        read_request(body, permissions, GUARD, CallbackUrls(GUARD, signed=False), Presets(), 60)
    except Invalid as ex:
        return [str(each) for each in ex.faults]
    return []


@pytest.mark.parametrize(("field", "given"), [("priority_class_name", "batch"), ("queue_name", "shop")])
def test_a_caller_may_name_what_it_was_given_and_nothing_else(field, given):
    closed = ClusterRights((), ())
    assert faults(SHOP, closed, **{field: given}) == []
    assert faults(SHOP, closed, **{field: "theirs"}) == [f"{field}: is not open to you: you may name {given}"]
    assert faults(Caller("blog"), closed, **{field: given}) == [
        f"{field}: is not open to you: you may name none"
    ]
    assert faults(Caller("blog"), ClusterRights((given,), (given,)), **{field: given}) == []


def test_without_a_cluster_the_names_mean_nothing_and_only_the_clusters_own_are_refused():
    anything = ClusterRights(None, None)
    assert faults(Caller("default"), anything, priority_class_name="x", queue_name="y") == []
    assert faults(Caller("default"), anything, priority_class_name="system-node-critical")


def test_nobody_can_be_given_a_class_of_the_clusters_own_parts():
    text = '{"callers": [{"name": "shop", "keys": [], "priority_classes": ["system-node-critical"]}]}'
    with pytest.raises(Invalid, match="of the cluster's own parts"):
        keyring.read(text, "default")
    reader = Reader({"PRIORITY_CLASSES": "batch,system-node-critical"})
    Settings.read(reader)
    assert [each.where for each in reader.faults] == ["PRIORITY_CLASSES"]


def test_the_file_of_callers_gives_classes_and_queues():
    caller = {
        "name": "shop",
        "keys": [{"sha256": "0" * 64}],
        "priority_classes": ["batch"],
        "queues": ["shop"],
    }
    text = json.dumps({"callers": [caller]})
    (entry,) = keyring.read(text, "default").entries
    assert (entry.caller.priority_classes, entry.caller.queues) == (("batch",), ("shop",))


@pytest.mark.parametrize(
    ("store", "expected"), [("kubernetes", ("batch", "spot")), ("sqlite:/tmp/jobs.db", None)]
)
def test_settings_give_to_all_callers_where_there_is_a_cluster(store, expected):
    reader = Reader({"JOB_STORE": store, "PRIORITY_CLASSES": "batch, spot", "QUEUE_NAMES": "batch,spot"})
    settings = Settings.read(reader)
    assert (reader.faults, settings.priority_classes, settings.queue_names) == ([], expected, expected)
