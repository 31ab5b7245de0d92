"""The control plane itself: its rights, its controllers, and that none of it outlives the test run."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.clock.waiting import eventually
from support.cluster.control_plane import ProgramsMissing, find_programs

HOLDER = """
    import sys, time
    from pathlib import Path
    from support.cluster.control_plane import running

    with running(Path(sys.argv[1]), Path(sys.argv[2])) as plane:
        print(plane.url, flush=True)
        time.sleep(60)
"""


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in line and "HOLDER" not in line and "control_plane" not in line:
            found.append(line)
    return found


def test_a_service_account_may_do_what_it_is_allowed_to_and_nothing_else(controlplane, namespace):
    kubeconfig = controlplane.service_account(namespace, "reader")
    with pytest.raises(AssertionError, match="forbidden"):
        controlplane.kubectl("get", "imagejobs", kubeconfig=kubeconfig)
    controlplane.kubectl(
        "create", "role", "reader", "-n", namespace, "--verb=list", "--resource=imagejobs.imagejobs.dev"
    )
    controlplane.kubectl(
        "create",
        "rolebinding",
        "reader",
        "-n",
        namespace,
        "--role=reader",
        f"--serviceaccount={namespace}:reader",
    )
    assert controlplane.kubectl("get", "imagejobs", kubeconfig=kubeconfig) == ""


def test_a_job_gets_its_pods_and_goes_with_the_imagejob_that_owns_it(controlplane, namespace):
    imagejobs = f"/apis/imagejobs.dev/v1alpha1/namespaces/{namespace}/imagejobs"
    body = {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "metadata": {"name": "a"},
        "spec": {"items": [{"key": "a"}]},
    }
    _, owner = controlplane.request("POST", imagejobs, body)
    reference = {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "name": "a",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "local/none:1"}]}
    job = {"metadata": {"name": "a-1", "ownerReferences": [reference]}, "spec": {"template": {"spec": pod}}}
    jobs, pods = f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods"
    assert controlplane.request("POST", jobs, job)[0] == 201
    eventually(lambda: len(controlplane.request("GET", pods)[1]["items"]) == 1)
    controlplane.request("DELETE", f"{imagejobs}/a")
    eventually(lambda: controlplane.request("GET", f"{jobs}/a-1")[0] == 404)
    eventually(lambda: controlplane.request("GET", pods)[1]["items"] == [])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_nothing_is_left_when_the_test_run_is_killed(controlplane, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(controlplane.programs), str(tmp_path)]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as holder:
        assert holder.stdout.readline().startswith("https://")
        assert len(processes_of(tmp_path)) == 3
        holder.send_signal(signal.SIGKILL)
    eventually(lambda: processes_of(tmp_path) == [], 60)


def test_programs_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ProgramsMissing, match="lacks etcd, kube-apiserver"):
        find_programs({"KUBEBUILDER_ASSETS": str(tmp_path)})
