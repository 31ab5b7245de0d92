"""What the real API server makes of ImageJobs: refuses, fills in, drops, guards, selects and shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Spec
from support.clock.waiting import eventually
from support.cluster.bad_specs import BAD_SPECS, GOOD
from support.cluster.client import ControlPlane
from support.cluster.control_plane import CRD

MERGE = "application/merge-patch+json"
SAMPLES = sorted((Path(__file__).parents[2] / "manifests" / "samples").glob("*.yaml"))


class Jobs:
    """ImageJobs of one namespace, as plain bodies."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace
        self.path = f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs"

    def create(self, spec: dict[str, Any], name: str = "a", query: str = "") -> tuple[int, dict[str, Any]]:
        body = {
            "apiVersion": "imagejobs.dev/v1alpha1",
            "kind": "ImageJob",
            "metadata": {"name": name},
            "spec": spec,
        }
        return self.plane.request("POST", self.path + query, body)

    def patch(
        self, patch: dict[str, Any], name: str = "a", subresource: str = ""
    ) -> tuple[int, dict[str, Any]]:
        return self.plane.request("PATCH", f"{self.path}/{name}{subresource}", patch, MERGE)

    def selected(self, selector: str) -> set[str]:
        answer = self.plane.request("GET", f"{self.path}?fieldSelector={selector}")[1]
        return {each["metadata"]["name"] for each in answer["items"]}

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("--namespace", self.namespace, *args, stdin=stdin)


@pytest.fixture
def jobs(controlplane: ControlPlane, namespace: str) -> Jobs:
    return Jobs(controlplane, namespace)


@pytest.fixture(scope="module")
def judge(controlplane: ControlPlane) -> Jobs:
    """For requests that store nothing."""
    return Jobs(controlplane, "default")


def fields(answer: dict[str, Any]) -> list[str]:
    return [cause["field"] for cause in answer["details"].get("causes", [])]


@pytest.mark.parametrize(("spec", "where"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_the_server_refuses(judge, spec, where):
    status, answer = judge.create(spec, query="?dryRun=All")
    assert status == 422, answer
    assert any(field.startswith(where) for field in fields(answer)), answer


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"items": [{"key": "/a.jpg"}]}, "without a slash at its start"),
        ({"items": [{"url": "s3://pictures/a.jpg"}]}, "an object of the bucket belongs into key"),
        (GOOD | {"variants": [{"background": "white"}]}, "such as ff8800"),
        (GOOD | {"variants": [{"name": "Big"}]}, "must be a DNS label"),
        (GOOD | {"output": {"prefix": "a b"}}, "must be a prefix such as sites/shop/"),
        (GOOD | {"callback": {"url": "mailto:a@example.com"}}, "must be an http or https address"),
    ],
    ids=["key", "url", "background", "name", "prefix", "callback"],
)
def test_the_server_says_in_a_sentence_what_a_text_must_be(judge, spec, told):
    _, answer = judge.create(spec, query="?dryRun=All")
    assert told in answer["message"]
    assert "should match" not in answer["message"]


@pytest.mark.parametrize("name", ["a.b", "a" * 47])
def test_the_server_refuses_a_name_that_could_not_be_part_of_a_pods(judge, name):
    status, answer = judge.create(GOOD, name, "?dryRun=All")
    assert status == 422
    assert "at most 46 characters" in answer["message"]


def test_the_server_takes_the_longest_name(judge):
    assert judge.create(GOOD, "a" * 46, "?dryRun=All")[0] == 201


def test_defaults_that_the_server_fills_in_change_nothing_for_python(judge):
    _, body = judge.create(GOOD, query="?dryRun=All")
    filled = body["spec"]
    assert filled["variants"] == [
        {
            "name": "default",
            "fit": "inside",
            "gravity": "center",
            "noFace": "fail",
            "maxSizeBy": "quality",
            "enlarge": False,
            "keepMetadata": False,
            "keepCopyright": False,
            "onlyIfSmaller": False,
            "smallestFormat": False,
            "lossless": False,
            "chromaSubsampling": "auto",
            "placeholder": False,
        }
    ]
    assert (filled["execution"], filled["retry"], filled["output"]) == (
        "Auto",
        {"attempts": 3},
        {"deletionPolicy": "Retain"},
    )
    assert ImageJob.from_body(body).spec == ImageJob.from_body({"metadata": {"name": "a"}, "spec": GOOD}).spec
    assert ImageJob.from_body(body).spec.variants == Spec().variants


def test_unknown_fields_are_dropped_or_refused_if_asked(judge):
    surprising = GOOD | {"podSpec": {"hostNetwork": True}}
    status, body = judge.create(surprising, query="?dryRun=All")
    assert status == 201
    assert "podSpec" not in body["spec"]
    status, answer = judge.create(surprising, query="?dryRun=All&fieldValidation=Strict")
    assert status == 400
    assert 'unknown field "spec.podSpec"' in answer["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"parallelism": 20}, {"suspend": True}, {"cancel": True}, {"retryFailed": 1},
        {"ttlSecondsAfterFinished": 0}, {"suspend": None},
        {"retryFailed": 1, "retryCodes": ["source_timeout"]}, {"retryCodes": []},
    ],
    ids=str,
)  # fmt: skip
def test_mutable_fields_can_be_changed(jobs, change):
    jobs.create(GOOD)
    status, answer = jobs.patch({"spec": change})
    assert status == 200, answer


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"items": [{"key": "b"}]}, "spec.items", "cannot be changed"),
        ({"items": None, "manifest": {"key": "m", "count": 1}}, "spec.manifest", "cannot be changed"),
        ({"variants": [{"width": 5}]}, "spec.variants", "cannot be changed"),
        ({"variants": None}, "spec.variants", "cannot be changed"),
        ({"output": {"prefix": "x"}}, "spec.output", "cannot be changed"),
        ({"execution": "Job"}, "spec.execution", "cannot be changed"),
        ({"itemsPerPod": 1}, "spec.itemsPerPod", "cannot be changed"),
        ({"retry": {"attempts": 1}}, "spec.retry", "cannot be changed"),
        ({"maxFailedItems": 1}, "spec.maxFailedItems", "cannot be changed"),
        ({"activeDeadlineSeconds": 1}, "spec.activeDeadlineSeconds", "cannot be changed"),
        ({"className": "shop"}, "spec.className", "cannot be changed"),
        ({"queueName": None}, "spec.queueName", "cannot be changed"),
        ({"priorityClassName": "high"}, "spec.priorityClassName", "cannot be changed"),
        ({"profile": "Large"}, "spec.profile", "cannot be changed"),
        ({"callback": {"url": "https://example.com/"}}, "spec.callback", "cannot be changed"),
        ({"cancel": False}, "spec.cancel", "cannot be taken back"),
        ({"cancel": None}, "spec.cancel", "cannot be taken back"),
        ({"retryFailed": 1}, "spec.retryFailed", "can only grow"),
        ({"retryFailed": None}, "spec.retryFailed", "can only grow"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_other_fields_cannot_be_changed(jobs, change, where, message):
    assert (
        jobs.create(GOOD | {"variants": [{"width": 4}], "queueName": "q", "cancel": True, "retryFailed": 2})[
            0
        ]
        == 201
    )
    status, answer = jobs.patch({"spec": change})
    assert status == 422, answer
    assert any(
        cause["field"] == where and message in cause["message"] for cause in answer["details"]["causes"]
    ), answer


CODES = {"retryCodes": ["source_timeout"]}
WITH_A_RETRY = "can only be changed together with an increase of retryFailed"


@pytest.mark.parametrize("status", [{}, {"state": "Failed", "attempt": 2}], ids=["new", "retried"])
@pytest.mark.parametrize(
    "change", [{"retryCodes": ["storage_error"]}, {"retryCodes": None}, {"retryFailed": 1, "retryCodes": []}],
    ids=["others", "none", "with the retryFailed of before"],
)  # fmt: skip
def test_the_codes_of_a_retry_cannot_be_changed_without_one(jobs, status, change):
    """What an attempt worked on says which of its results count."""
    jobs.create(GOOD | CODES | {"retryFailed": 1})
    jobs.patch({"status": status}, subresource="/status")
    code, answer = jobs.patch({"spec": change})
    assert (code, fields(answer)) == (422, ["spec.retryCodes"])
    assert WITH_A_RETRY in answer["message"]
    assert jobs.patch({"spec": change | {"retryFailed": 2}})[0] == 200


def test_the_codes_of_a_retry_that_has_not_begun_can_be_changed(jobs):
    """The API joins the retries that were asked for until one begins."""
    jobs.create(GOOD)
    jobs.patch({"status": {"state": "Failed", "attempt": 1}}, subresource="/status")
    assert jobs.patch({"spec": CODES | {"retryFailed": 1}})[0] == 200
    assert jobs.patch({"spec": {"retryCodes": ["source_timeout", "storage_error"]}})[0] == 200
    jobs.patch({"status": {"attempt": 2}}, subresource="/status")
    assert fields(jobs.patch({"spec": {"retryCodes": []}})[1]) == ["spec.retryCodes"]


def test_a_manifest_cannot_be_changed(jobs):
    jobs.create({"manifest": {"key": "m", "count": 2}})
    status, answer = jobs.patch({"spec": {"manifest": {"count": 3}}})
    assert (status, fields(answer)) == (422, ["spec.manifest"])


def test_status_and_spec_are_written_through_different_doors(jobs):
    jobs.create(GOOD)
    _, body = jobs.patch({"spec": {"suspend": True}, "status": {"state": "Running"}})
    assert (body["spec"]["suspend"], body["status"]) == (True, {"observedGeneration": -1})
    _, body = jobs.patch({"spec": {"suspend": False}, "status": {"state": "Running"}}, subresource="/status")
    assert (body["spec"]["suspend"], body["status"]["state"], body["metadata"]["generation"]) == (
        True,
        "Running",
        2,
    )


def test_a_class_can_neither_be_changed_nor_taken_off(jobs):
    jobs.create(GOOD | {"className": "shop"})
    for change in ("blog", None):
        _, body = jobs.patch({"spec": {"className": change}})
        assert "spec.className: Forbidden: cannot be changed" in body["message"]


def test_jobs_are_selected_by_state_queue_class_and_execution(jobs):
    jobs.create(GOOD | {"queueName": "q", "className": "shop"}, "queued")
    jobs.create(GOOD | {"execution": "Job"}, "runs")
    jobs.patch({"status": {"state": "Running"}}, "runs", "/status")
    assert jobs.selected("status.state=Running") == {"runs"}
    assert jobs.selected("status.state!=Running") == {"queued"}
    assert jobs.selected("spec.queueName=q") == {"queued"}
    assert jobs.selected("spec.className=shop") == {"queued"}
    assert jobs.selected("spec.className=") == {"runs"}
    assert jobs.selected("spec.execution=Job") == {"runs"}


def test_kubectl_get_shows_the_columns(jobs):
    jobs.create(GOOD | {"queueName": "q", "className": "shop"})
    condition = {
        "type": "Finished",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {
        "observedGeneration": 1, "state": "Succeeded", "progress": "100%",
        "items": {"total": 4, "active": 0, "succeeded": 3, "failed": 1}, "conditions": [condition],
        "job": {"name": "a-123-1", "shards": 1}, "duration": "7s", "saved": "83%",
        "cpu": "1.5s", "completionTime": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert jobs.patch({"status": status}, subresource="/status")[0] == 200
    heads, values = (line.split() for line in jobs.kubectl("get", "ij").splitlines())
    assert heads == ["NAME", "STATE", "PROGRESS", "DONE", "FAILED", "TOTAL", "AGE"]
    assert values[:-1] == ["a", "Succeeded", "100%", "3", "1", "4"]
    heads, values = (line.split() for line in jobs.kubectl("get", "imagejobs", "-o", "wide").splitlines())
    assert heads[7:] == ["REASON", "QUEUE", "JOB", "DURATION", "SAVED", "CPU", "COMPLETED", "CLASS"]
    assert values[7:13] == ["Succeeded", "q", "a-123-1", "7s", "83%", "1.5s"]
    assert values[-1] == "shop"
    jobs.kubectl("wait", "--for=condition=Finished", "ij/a", "--timeout=5s")


def test_kubectl_explains_every_field(judge):
    text = judge.kubectl("explain", "imagejob", "--recursive")
    assert "maxSize" in text
    assert "16 images" in " ".join(judge.kubectl("explain", "imagejob.spec.execution").split())


def test_imagejobs_stand_among_all_things(jobs):
    jobs.create(GOOD)
    assert "imagejob.imagejobs.dev/a" in jobs.kubectl("get", "all", "-o", "name")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_can_be_applied_and_applied_again_without_a_change(jobs, path):
    def version() -> tuple[str, int]:
        meta = json.loads(jobs.kubectl("get", "ij", path.stem, "-o", "json"))["metadata"]
        return meta["resourceVersion"], meta["generation"]

    assert "created" in jobs.kubectl("apply", "-f", str(path))
    # As the operator does; until then the next write stores the status that the CRD gives by default.
    jobs.patch({"status": {"observedGeneration": 1}}, path.stem, "/status")
    first = version()
    jobs.kubectl("apply", "-f", str(path))
    assert version() == first
    jobs.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    assert version()[1] == 1


def test_the_definition_itself_can_be_applied_again(controlplane):
    crd = str(SAMPLES[0].parents[1] / "crd.yaml")
    assert "serverside-applied" in controlplane.kubectl("apply", "--server-side", "-f", crd)
    condition = '-o=jsonpath={.status.conditions[?(@.type=="NonStructuralSchema")].message}'
    assert controlplane.kubectl("get", "crd", "imagejobs.imagejobs.dev", condition) == ""


def test_new_jobs_cannot_take_the_results_of_others_or_the_clusters_own_priority(judge: Jobs) -> None:
    for field, spec in (
        ("spec.output.prefix", GOOD | {"output": {"prefix": "outputs/j1m860h1ax7za8ahhbpy"}}),
        ("spec.output.prefix", GOOD | {"output": {"prefix": "outputs"}}),
        ("spec.priorityClassName", GOOD | {"priorityClassName": "system-node-critical"}),
    ):
        status, answer = judge.create(spec, query="?dryRun=All")
        assert (status, fields(answer)) == (422, [field])


def test_a_job_that_the_last_release_stored_with_such_a_prefix_can_still_be_written(
    controlplane: ControlPlane, jobs: Jobs
) -> None:
    """`Idempotency-Key` made such prefixes. The rule is taken away while the job is stored, as before."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imagejobs.imagejobs.dev"
    whole = controlplane.request("GET", path)[1]
    rules = _prefix_schema(whole)["x-kubernetes-validations"]
    _prefix_schema(whole)["x-kubernetes-validations"] = [
        each for each in rules if "outputs/" not in each["rule"]
    ]
    try:
        assert controlplane.request("PUT", path, whole)[0] == 200
        old = GOOD | {"output": {"prefix": "outputs/j1m860h1ax7za8ahhbpy"}}
        eventually(lambda: jobs.create(old)[0] == 201)
    finally:
        controlplane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    eventually(lambda: jobs.create(old, "b", "?dryRun=All")[0] == 422)
    assert jobs.patch({"status": {"state": "Running"}}, subresource="/status")[0] == 200
    assert jobs.patch({"spec": {"cancel": True}})[0] == 200
    assert jobs.patch({"metadata": {"finalizers": ["imagejobs.dev/outputs"]}})[0] == 200
    assert jobs.patch({"metadata": {"finalizers": None}})[0] == 200


def _prefix_schema(crd: dict[str, Any]) -> dict[str, Any]:
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found: dict[str, Any] = spec["properties"]["output"]["properties"]["prefix"]
    return found
