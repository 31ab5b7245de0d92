"""The release changes while it works, and goes. Runs last: the uninstall ends the suite."""

import copy
import shutil

import pytest
import yaml

from support.cluster import kind_cluster as e2e


def upgrade(chart, *arguments):
    e2e.helm(
        "upgrade",
        e2e.RELEASE,
        str(chart),
        "--values",
        str(e2e.VALUES),
        "--wait",
        "--timeout",
        "4m",
        *arguments,
    )


@pytest.fixture
def grown_chart(tmp_path):
    """The chart of a next release: its ImageJob has a field more, and with it every object that there is."""
    chart = tmp_path / "imagejobs"
    shutil.copytree(e2e.CHART, chart)
    crd = yaml.safe_load((chart / "files" / "crd.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["note"] = {
        "type": "string",
        "maxLength": 100,
        "default": "none",
        "description": "A field of the next release.",
    }
    (chart / "files" / "crd.yaml").write_text(yaml.safe_dump(copy.deepcopy(crd), sort_keys=False))
    return chart


def test_an_upgrade_in_the_middle_of_a_job_loses_nothing_and_brings_the_new_field(s3, grown_chart):
    keys = e2e.put_photos(s3, "upgrade", 60, e2e.photo(3000, 2000))
    for execution in ("Pool", "Job"):
        e2e.apply(
            e2e.imagejob(
                f"upgrade-{execution.lower()}", keys, execution=execution, parallelism=1, itemsPerPod=30
            )
        )
    e2e.until("a first result", lambda: e2e.succeeded_so_far("upgrade-pool") > 0)
    secret = e2e.read("secret", f"{e2e.RELEASE}-dev")["data"]
    key = e2e.api_key()
    upgrade(grown_chart, "--set", "limits.maxFrames=99,api.linkSeconds=120,pool.replicas=1")
    assert e2e.read("secret", f"{e2e.RELEASE}-dev")["data"] == secret
    assert e2e.api_key() == key
    for name in ("upgrade-pool", "upgrade-job"):
        status = e2e.wait_until_finished(name, 240)
        assert (status["state"], status["items"]["succeeded"]) == ("Succeeded", 60)
    assert "A field of the next release." in e2e.kubectl("explain", "imagejob.spec.note")


def test_jobs_of_another_namespace_run_once_it_is_watched(s3, namespace):
    keys = e2e.put_photos(s3, "elsewhere", 3, e2e.photo())
    given = f'grants.{namespace}={{"sources": ["elsewhere/"], "pods": 2}}'
    upgrade(e2e.CHART, "--set", f"watch.namespaces={{{namespace}}}", "--set-json", given)
    e2e.apply(
        e2e.imagejob("by-pool", keys), e2e.imagejob("by-job", keys, execution="Job"), namespace=namespace
    )
    assert {e2e.wait_until_finished(name, 120, namespace)["state"] for name in ("by-pool", "by-job")} == {
        "Succeeded"
    }


def test_jobs_of_all_namespaces_run_if_asked_for(s3, namespace):
    keys = e2e.put_photos(s3, "everywhere", 3, e2e.photo())
    given = f'grants.{namespace}={{"sources": ["everywhere/"]}}'
    upgrade(e2e.CHART, "--set", "watch.allNamespaces=true", "--set-json", given)
    e2e.apply(e2e.imagejob("by-pool", keys), namespace=namespace)
    assert e2e.wait_until_finished("by-pool", 120, namespace)["state"] == "Succeeded"


@pytest.mark.parametrize("execution", ["Pool", "Job"])
def test_workers_find_faces_if_asked_for(s3, tmp_path, execution):
    """Noise shows none: only who has looked can say so."""
    upgrade(e2e.CHART, "--set", "worker.faces=true")
    keys = e2e.put_photos(s3, "faces", 2, e2e.photo())
    face = {"width": 100, "height": 100, "fit": "cover", "gravity": "face"}
    name = f"faces-{execution.lower()}"
    e2e.apply(
        e2e.imagejob(name, keys, execution=execution, variants=[face]),
        e2e.imagejob(f"{name}-or-not", keys, variants=[face | {"noFace": "center"}]),
    )
    assert {each["code"] for each in e2e.wait_until_finished(name)["failures"]} == {"no_face_found"}
    assert e2e.wait_until_finished(f"{name}-or-not")["state"] == "Succeeded"
    (tmp_path / "a.jpg").write_bytes(e2e.photo())
    problem = e2e.curl(
        "-F", f"image=@{tmp_path}/a.jpg", "-F", "width=100", "-F", "height=100", f"{e2e.API}/api/face-crop"
    )
    assert (problem["status"], problem["code"]) == (422, "no_face_found")


def test_an_uninstall_leaves_the_definition_and_the_jobs(s3):
    keys = e2e.put_photos(s3, "uninstall", 2, e2e.photo())
    e2e.apply(e2e.imagejob("stays", keys))
    e2e.wait_until_finished("stays")
    e2e.helm("uninstall", e2e.RELEASE, "--wait")
    assert e2e.read("imagejob", "stays")["status"]["state"] == "Succeeded"
    of_release = f"app.kubernetes.io/instance={e2e.RELEASE},app.kubernetes.io/component!=job"
    find = ("get", "pods", "--selector", of_release, "--output", "name")
    e2e.until("the release's pods are gone", lambda: e2e.kubectl(*find) == "", 120)
