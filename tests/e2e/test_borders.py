"""A user with `edit` on the release's namespace tries to reach what is another's, on a whole cluster."""

import json
from typing import Any

import pytest

from support.cluster import kind_cluster as e2e
from support.operator.hostile_jobs import (
    BOBS_FILES,
    OWN_KEY,
    REFUSED_BY_THE_API_SERVER,
    REFUSED_BY_THE_OPERATOR,
    imagejob,
    labelled,
)

TENANT = ("--as", "tenant")


@pytest.fixture(scope="module")
def bucket(release: str, s3: Any) -> Any:
    """The release's bucket with what is Bob's, and a picture that the tenant was given."""
    for key, data in {**BOBS_FILES, OWN_KEY: e2e.photo()}.items():
        s3.put_object(Bucket=e2e.BUCKET, Key=key, Body=data)
    e2e.kubectl("create", "rolebinding", "tenant", "--clusterrole=edit", "--user=tenant")
    return s3


def create(body: dict[str, Any]) -> None:
    e2e.kubectl(*TENANT, "create", "--filename", "-", stdin=json.dumps(body))


@pytest.mark.parametrize(("body", "why"), REFUSED_BY_THE_API_SERVER.values(), ids=REFUSED_BY_THE_API_SERVER)
def test_the_api_server_refuses(bucket: Any, body: dict[str, Any], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        create(body)


def test_the_operator_refuses_and_touches_nothing_of_bobs(bucket: Any) -> None:
    refused = {body["metadata"]["name"]: where for body, where in REFUSED_BY_THE_OPERATOR.values()}
    for body, _ in REFUSED_BY_THE_OPERATOR.values():
        create(labelled(body, finalizers=["imagejobs.dev/outputs"]))
    for name, where in refused.items():
        e2e.kubectl("wait", "--for=condition=Accepted=false", "--timeout=60s", f"imagejob/{name}")
        conditions = {each["type"]: each for each in e2e.read("imagejob", name)["status"]["conditions"]}
        accepted = conditions["Accepted"]
        assert (accepted["reason"], accepted["message"].partition(": ")[0]) == ("NotGranted", where)
    e2e.kubectl(*TENANT, "delete", "imagejob", *refused, "--timeout=150s")
    read = {key: bucket.get_object(Bucket=e2e.BUCKET, Key=key)["Body"].read() for key in BOBS_FILES}
    assert read == BOBS_FILES


def test_the_tenant_works_with_what_it_was_given(bucket: Any) -> None:
    create(imagejob("of-the-tenant"))
    assert e2e.wait_until_finished("of-the-tenant")["state"] == "Succeeded"
    assert len(e2e.list_outputs(bucket, "of-the-tenant")) == 1
