"""The service as somebody with kubectl sees it."""

import pytest
import yaml

from support.cluster import kind_cluster as e2e


@pytest.fixture(scope="module")
def keys(s3):
    """Forty photos in the bucket."""
    return e2e.put_photos(s3, "kubectl", 40, e2e.photo(1200, 900))


@pytest.mark.parametrize(
    "sample", sorted((e2e.ROOT / "manifests" / "samples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_sample_is_taken(release, sample):
    e2e.kubectl("apply", "--filename", str(sample))
    name = yaml.safe_load(sample.read_text())["metadata"]["name"]
    e2e.until("a state", lambda: e2e.read("imagejob", name).get("status", {}).get("state"))
    e2e.kubectl("delete", "imagejob", name, "--wait=true")


def test_a_job_of_300_images_runs_in_pods_of_its_own(s3):
    keys = e2e.put_photos(s3, "three-hundred", 300, e2e.photo())
    e2e.apply(e2e.imagejob("three-hundred", keys, execution="Job", parallelism=2, itemsPerPod=100))
    status = e2e.wait_until_finished("three-hundred", 240)
    assert (status["state"], status["items"]["succeeded"], status["job"]["shards"]) == ("Succeeded", 300, 3)
    assert len(e2e.list_outputs(s3, "three-hundred")) == 300
    assert e2e.outcome_indexes(s3, e2e.read("imagejob", "three-hundred")["metadata"]["uid"]) == list(
        range(300)
    )


def test_some_failures_are_a_partial_success_with_names(s3, keys):
    e2e.apply(e2e.imagejob("partly", [*keys[:3], "kubectl/nowhere.jpg"]))
    status = e2e.wait_until_finished("partly")
    assert (status["state"], status["items"]["succeeded"], status["items"]["failed"]) == (
        "PartiallySucceeded",
        3,
        1,
    )
    assert [(each["name"], each["code"]) for each in status["failures"]] == [
        ("nowhere.jpg", "source_not_found")
    ]


def test_a_cancelled_job_stops(keys):
    e2e.apply(e2e.imagejob("stop-me", keys, execution="Job", parallelism=1, itemsPerPod=5))
    e2e.until("its Job", lambda: e2e.read("imagejob", "stop-me").get("status", {}).get("job"))
    e2e.kubectl("patch", "imagejob", "stop-me", "--type=merge", "--patch", '{"spec": {"cancel": true}}')
    assert e2e.wait_until_finished("stop-me")["state"] == "Cancelled"
    selector = ("--selector", "imagejobs.dev/imagejob=stop-me", "--output", "name")
    e2e.until(
        "no pod of it runs",
        lambda: not e2e.kubectl("get", "pods", *selector, "--field-selector=status.phase=Running"),
    )


@pytest.mark.parametrize("execution", ["Pool", "Job"])
def test_a_suspended_job_waits_until_it_is_resumed(keys, execution):
    name = f"wait-{execution.lower()}"
    e2e.apply(e2e.imagejob(name, keys[:10], execution=execution, suspend=True))
    e2e.until("the state", lambda: e2e.read("imagejob", name).get("status", {}).get("state") == "Suspended")
    assert e2e.succeeded_so_far(name) == 0
    e2e.kubectl("patch", "imagejob", name, "--type=merge", "--patch", '{"spec": {"suspend": false}}')
    assert e2e.wait_until_finished(name)["items"]["succeeded"] == 10


def test_a_deleted_job_takes_its_pods_along(keys):
    e2e.apply(e2e.imagejob("gone", keys, execution="Job", parallelism=1))
    job = e2e.until("its Job", lambda: e2e.read("imagejob", "gone").get("status", {}).get("job"))["name"]
    e2e.kubectl("delete", "imagejob", "gone")
    e2e.until("the Job is collected", lambda: job not in e2e.kubectl("get", "jobs", "--output", "name"))
    e2e.until(
        "its pods are collected",
        lambda: (
            not e2e.kubectl("get", "pods", "--selector", "imagejobs.dev/imagejob=gone", "--output", "name")
        ),
    )


def test_the_table_has_a_column_for_what_people_ask(keys):
    e2e.apply(e2e.imagejob("in-a-table", keys[:2]))
    e2e.wait_until_finished("in-a-table")
    head, row = e2e.kubectl("get", "imagejob", "in-a-table").splitlines()
    assert head.split() == ["NAME", "STATE", "PROGRESS", "DONE", "FAILED", "TOTAL", "AGE"]
    assert row.split()[:6] == ["in-a-table", "Succeeded", "100%", "2", "0", "2"]
    wide = e2e.kubectl("get", "imagejob", "in-a-table", "--output", "wide").splitlines()[0].split()
    assert wide[7:] == ["REASON", "QUEUE", "JOB", "DURATION", "SAVED", "CPU", "COMPLETED", "CLASS"]


def test_jobs_are_found_by_state(keys):
    e2e.apply(e2e.imagejob("find-me", keys[:1]))
    e2e.wait_until_finished("find-me")
    assert (
        "imagejob.imagejobs.dev/find-me"
        in e2e.kubectl(
            "get", "ij", "--field-selector=status.state=Succeeded", "--output", "name"
        ).splitlines()
    )


@pytest.mark.parametrize("component", ["api", "operator"])
def test_a_program_asks_for_nothing_that_it_may_not(release, component):
    """After all that the tests before had it do."""
    logs = e2e.kubectl("logs", "--selector", f"app.kubernetes.io/component={component}", "--tail=-1")
    assert [line for line in logs.splitlines() if "forbidden" in line.lower()] == []


def test_every_field_is_explained(release):
    text = e2e.kubectl("explain", "imagejob.spec")
    assert "<no description>" not in text
    assert "maxFailedItems" in text
