"""What manifests/gitops and manifests/kustomization.yaml give Argo CD, Flux and Kustomize.

Argo CD's Lua runs in a real Lua over statuses that the operator writes.
"""

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import lupa
import pytest
import yaml

from conftest import missing
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import Reason, State, Status
from imagejobs_operator.decide import conditions
from imagejobs_operator.decide.observed import Observed, Results
from imagejobs_operator.decide.plan_input import PlanInput, Policy
from support.cluster.chart_render import CHART, of_kind, one, render

MANIFESTS = CHART.parents[1] / "manifests"
GITOPS = MANIFESTS / "gitops"
CUSTOM = yaml.safe_load((GITOPS / "argocd-cm.yaml").read_text())["data"]
HEALTH = CUSTOM["resource.customizations.health.imagejobs.dev_ImageJob"]
ACTIONS = yaml.safe_load(CUSTOM["resource.customizations.actions.imagejobs.dev_ImageJob"])
NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = ImageJob(JobKey("shop", "a"), Spec(items=(Item(key="a.jpg"),)), uid=Uid("u"), generation=2)


def run_lua(script: str, body: dict[str, Any]) -> Any:
    """Run a script of Argo CD's over an object, which it calls `obj`; return what it returns."""
    lua = lupa.LuaRuntime(register_eval=False, register_builtins=False)

    def table(value: Any) -> Any:
        if isinstance(value, dict):
            return lua.table_from({name: table(each) for name, each in value.items()})
        return lua.table_from(map(table, value)) if isinstance(value, list) else value

    lua.globals().obj = table(body)
    return lua.execute(script)


def case(**changes: Any) -> PlanInput:
    status = Status(attempt=1, counts=Counts(1), queued=NOW, observed_generation=2)
    return PlanInput(replace(JOB, **changes), status, Observed(), NOW, Policy(since=NOW))


def ended(state: State, reason: Reason, counts: Counts) -> Status:
    return conditions.finished_status(case(), (state, reason), Results(counts))


STATUSES = {
    "Progressing": [
        Status(),
        conditions.pending_status(case()),
        conditions.queued_status(case()),
        conditions.running_status(case()),
        replace(conditions.running_status(case()), observed_generation=1),
    ],
    "Suspended": [conditions.suspended_status(case())],
    "Healthy": [
        ended(State.SUCCEEDED, Reason.SUCCEEDED, Counts(1, 0, 1, 0)),
        ended(State.PARTIALLY_SUCCEEDED, Reason.PARTIALLY_SUCCEEDED, Counts(2, 0, 1, 1)),
        ended(State.CANCELLED, Reason.CANCELLED, Counts(1)),
    ],
    "Degraded": [
        ended(State.FAILED, Reason.ALL_FAILED, Counts(1, 0, 0, 1)),
        conditions.refused_status(JOB, NOW, "no such source"),
        conditions.stalled_status(case(), conditions.pending_status(case()), Reason.NO_WORKER, "no worker"),
    ],
}


@pytest.mark.parametrize(
    ("health", "status"), [(health, each) for health, found in STATUSES.items() for each in found]
)
def test_argo_cd_sees_the_health_of_each_state(health: str, status: Status) -> None:
    found = run_lua(HEALTH, replace(JOB, status=status).to_body())
    assert found.status == health
    assert found.message
    if health == "Degraded":
        assert found.message == next(each.message for each in status.conditions if each.type == "Stalled")


def test_argo_cd_takes_the_default_of_the_crd_for_a_job_that_nobody_has_seen() -> None:
    crd = yaml.safe_load((MANIFESTS / "crd.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert run_lua(HEALTH, JOB.to_body() | {"status": schema["default"]}).status == "Progressing"


@pytest.mark.parametrize(
    ("state", "suspended", "offered"),
    [
        ("Running", False, {"suspend", "cancel"}),
        ("Suspended", True, {"resume", "cancel"}),
        ("Succeeded", False, set()),
        ("Cancelled", False, set()),
        ("Failed", False, {"retry-failed"}),
        ("PartiallySucceeded", False, {"retry-failed"}),
        (None, False, {"suspend", "cancel"}),
    ],
)
def test_argo_cd_offers_what_can_be_done(state: str | None, suspended: bool, offered: set[str]) -> None:
    body: dict[str, Any] = {"spec": {"suspend": suspended}} | ({"status": {"state": state}} if state else {})
    found = run_lua(ACTIONS["discovery.lua"], body)
    assert {name for name, each in found.items() if not each.disabled} == offered
    assert {each["name"] for each in ACTIONS["definitions"]} == set(found)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [("suspend", "suspend", True), ("resume", "suspend", False), ("cancel", "cancel", True)],
)
def test_an_action_of_argo_cd_sets_one_field(action: str, field: str, value: bool) -> None:
    (script,) = (each["action.lua"] for each in ACTIONS["definitions"] if each["name"] == action)
    assert run_lua(script, JOB.to_body()).spec[field] is value


@pytest.mark.parametrize(("before", "after"), [({}, 1), ({"retryFailed": 2}, 3)])
def test_a_retry_by_argo_cd_counts_on(before: dict[str, int], after: int) -> None:
    (script,) = (each["action.lua"] for each in ACTIONS["definitions"] if each["name"] == "retry-failed")
    assert run_lua(script, {"spec": before}).spec.retryFailed == after


@pytest.mark.parametrize("name", ["argocd-application.yaml", "flux.yaml"])
def test_the_examples_name_the_released_chart_and_values_that_it_takes(name: str, tmp_path: Any) -> None:
    text = (GITOPS / name).read_text()
    release = (CHART.parents[1] / ".github" / "workflows" / "release.yaml").read_text()
    assert "/charts" in release
    assert "ghcr.io/imagejobs/charts" in text
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["version"] in text
    found = [
        values for each in yaml.safe_load_all(text) for values in nested(each, ("values", "valuesObject"))
    ]
    assert len(found) == 1
    (tmp_path / "values.yaml").write_text(json.dumps(found[0]))
    assert of_kind(render("--values", str(tmp_path / "values.yaml")), "Deployment")


def nested(node: Any, names: tuple[str, ...]) -> list[Any]:
    """Return what lies under one of these names, at any depth."""
    if not isinstance(node, dict):
        return []
    return [each for name, each in node.items() if name in names] + [
        found for each in node.values() for found in nested(each, names)
    ]


def test_kustomize_builds_the_overlay() -> None:
    if shutil.which("kubectl") is None:
        missing("kubectl")
    run = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    objects = list(yaml.safe_load_all(run.stdout))
    assert one(objects, "ConfigMap", "imagejobs-settings")["data"]["S3_BUCKET"] == "pictures"
    assert one(objects, "Deployment", "imagejobs-pool")["spec"]["replicas"] == 4
    written = yaml.safe_load_all((MANIFESTS / "install.yaml").read_text())
    assert len(objects) == len([each for each in written if each])
