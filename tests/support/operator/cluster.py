"""Plays a node on a real API server: pods of the Job controller become processes, their ends pod statuses."""

import io
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from imagejobs_contract.model import names
from imagejobs_contract.wire.shards import ENV_INDEX
from support.clock.waiting import SLOW_SECONDS, eventually
from support.cluster.client import ControlPlane

API = f"/apis/{names.API_VERSION}"
INDEX = "batch.kubernetes.io/job-completion-index"
MERGE_PATCH = "application/merge-patch+json"
ROLE = Path(__file__).parents[3] / "manifests" / "rbac-operator.yaml"
CLAIMS = ROLE.with_name("rbac-claims.yaml")
READY = [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A namespace of a real control plane, in which the operator works under its own role.

    Attributes:
        environ: The variables in the ConfigMap and Secret of pods.
    """

    plane: ControlPlane
    namespace: str
    environ: Mapping[str, str]

    def operator_kubeconfig(self) -> Path:
        """Create the operator's account with its minimal role and return its kubeconfig."""
        role = yaml.safe_load(ROLE.read_text())
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        kubeconfig = self.plane.service_account(self.namespace, "imagejobs-operator")
        self.call("POST", f"{rbac}/roles", role)
        subject = {"kind": "ServiceAccount", "name": "imagejobs-operator", "namespace": self.namespace}
        reference = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": role["metadata"]["name"],
        }
        self.call(
            "POST",
            f"{rbac}/rolebindings",
            {"metadata": {"name": "imagejobs-operator"}, "roleRef": reference, "subjects": [subject]},
        )
        claims = yaml.safe_load(CLAIMS.read_text())
        claims["metadata"]["name"] = f"{claims['metadata']['name']}.{self.namespace}"
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        self.call("POST", f"{rbac}/clusterroles", claims)
        reference = reference | {"kind": "ClusterRole", "name": claims["metadata"]["name"]}
        self.call(
            "POST",
            f"{rbac}/clusterrolebindings",
            {"metadata": claims["metadata"], "roleRef": reference, "subjects": [subject]},
        )
        return kubeconfig

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send a request that must succeed."""
        status, answer = self.plane.request(method, path, body, content_type)
        assert status < 300, answer
        return answer

    def create(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Create an ImageJob."""
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}, "spec": spec}
        return self.call("POST", f"{API}/namespaces/{self.namespace}/{names.PLURAL}", body)

    def change(self, name: str, **spec: Any) -> None:
        """Change the spec of an ImageJob."""
        self.call(
            "PATCH", f"{API}/namespaces/{self.namespace}/{names.PLURAL}/{name}", {"spec": spec}, MERGE_PATCH
        )

    def get(self, name: str) -> dict[str, Any]:
        """Return an ImageJob, or {} if there is none."""
        status, body = self.plane.request("GET", f"{API}/namespaces/{self.namespace}/{names.PLURAL}/{name}")
        return body if status == 200 else {}

    def delete(self, name: str) -> None:
        """Delete an ImageJob."""
        self.call("DELETE", f"{API}/namespaces/{self.namespace}/{names.PLURAL}/{name}")

    def wait_for_state(self, name: str, *states: str, seconds: float = SLOW_SECONDS) -> dict[str, Any]:
        """Return the ImageJob's status once it is in one of the states."""
        try:
            eventually(lambda: self.get(name).get("status", {}).get("state") in states, seconds)
        except AssertionError as ex:
            raise AssertionError(self.get(name).get("status")) from ex
        status: dict[str, Any] = self.get(name)["status"]
        return status

    def jobs(self, name: str) -> list[dict[str, Any]]:
        """Return the Jobs of an ImageJob."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs?labelSelector={names.LABEL_JOB}%3D{name}"
        found: list[dict[str, Any]] = self.call("GET", path)["items"]
        return found

    def pods(self, name: str) -> dict[int, dict[str, Any]]:
        """Return the pods of an ImageJob's Job that have not ended, by index."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={names.LABEL_JOB}%3D{name}"
        live = (
            pod for pod in self.call("GET", path)["items"] if pod["status"]["phase"] in ("Pending", "Running")
        )
        return {
            int(pod["metadata"]["annotations"][INDEX]): pod
            for pod in live
            if "deletionTimestamp" not in pod["metadata"]
        }

    def wait_for_pods(self, name: str, count: int) -> dict[int, dict[str, Any]]:
        """Return the live pods once there are `count`."""
        eventually(lambda: len(self.pods(name)) == count, SLOW_SECONDS)
        return self.pods(name)

    def run_pod(self, pod: Mapping[str, Any]) -> int:
        """Run a pod as a node does: the real worker with the pod's variables; return its exit code."""
        self.begin(pod)
        container = pod["spec"]["containers"][0]
        environ = {
            each["name"]: each.get("value", pod["metadata"]["annotations"][INDEX])
            for each in container["env"]
        }
        assert environ[ENV_INDEX] == pod["metadata"]["annotations"][INDEX]
        command = [sys.executable, "-m", "imagejobs_worker", *container["args"]]
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], **self.environ, **environ},
            capture_output=True,
            timeout=SLOW_SECONDS,
            check=False,
        )
        self.end(pod, done.returncode)
        assert done.returncode == 0, done.stderr.decode()
        return done.returncode

    def hold(self, pod: Mapping[str, Any], held: bool) -> None:
        """Keep a deleted pod, as a node does whose container has not ended; or release it."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        kept = self.call("GET", path)["metadata"].get("finalizers", [])
        ours = "imagejobs.dev/test-node"
        after = [*kept, ours] if held else [each for each in kept if each != ours]
        self.call("PATCH", path, {"metadata": {"finalizers": after}}, MERGE_PATCH)

    def begin(self, pod: Mapping[str, Any]) -> None:
        """Write that a pod runs."""
        self._write_status(
            pod,
            {
                "phase": "Running",
                "conditions": READY,
                "containerStatuses": [_container(pod, {"running": {}}, ready=True)],
            },
        )

    def end(self, pod: Mapping[str, Any], code: int) -> None:
        """Write that a pod ended."""
        state = {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}
        self._write_status(
            pod,
            {
                "phase": "Failed" if code else "Succeeded",
                "conditions": [],
                "containerStatuses": [_container(pod, state, ready=False)],
            },
        )

    def _write_status(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status"
        self.call("PATCH", path, {"status": status}, MERGE_PATCH)

    def writes(self) -> Counter[str]:
        """Return the number of requests, by kind and from any client, that wrote ImageJobs or Events."""
        found: Counter[str] = Counter()
        for line in self.plane.kubectl("get", "--raw", "/metrics").splitlines():
            if line.startswith("apiserver_request_total{"):
                found.update(_count_writes(line))
        return found

    def is_tidy(self) -> bool:
        """Return whether the namespaces of earlier tests are gone."""
        return all(
            each["status"]["phase"] == "Active" for each in self.call("GET", "/api/v1/namespaces")["items"]
        )


def photo() -> bytes:
    """Return a small JPEG."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 100, 50)).save(data, "JPEG")
    return data.getvalue()


def _container(pod: Mapping[str, Any], state: Mapping[str, Any], *, ready: bool) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "restartCount": 0,
        "ready": ready,
        "state": state,
    }


def _count_writes(line: str) -> dict[str, int]:
    labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
    if labels["resource"] not in (names.PLURAL, "events") or labels["verb"] not in (
        "POST",
        "PUT",
        "PATCH",
        "APPLY",
        "DELETE",
        "DELETECOLLECTION",
    ):
        return {}
    return {
        f"{labels['verb']} {labels['resource']} {labels['subresource']} {labels['code']}": int(
            float(line.rpartition(" ")[2])
        )
    }
