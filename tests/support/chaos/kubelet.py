"""Plays a node whose pods are processes, for as long as it runs, whatever the API server does meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagejobs_contract.runtime.die_with_parent import die_with_parent
from support.operator.cluster import INDEX, Cluster

LOOK_SECONDS = 0.1
ENDED = ("Succeeded", "Failed")
SIGNALLED = 128
"""Added to the number of the signal that ended a container."""
NOT_THERE = (urllib.error.URLError, OSError, AssertionError)
"""Raised while the API server does not answer, or answers with an error."""


class Kubelet:
    """Runs the pods of a namespace: the real worker with the variables of its pod.

    Args:
        environ: The variables in the ConfigMap and the Secret of pods.
    """

    def __init__(self, cluster: Cluster, environ: Mapping[str, str], log: Path) -> None:
        self._cluster, self._environ, self._log = cluster, environ, log
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._reported: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def pids(self) -> list[int]:
        """Return the processes of the pods that run."""
        return [each.pid for each in tuple(self._processes.values()) if each.poll() is None]

    def stop(self) -> None:
        """Kill all pods and run no more."""
        self._over.set()
        self._thread.join()
        for each in self._processes.values():
            each.kill()
            each.wait()

    def _run(self) -> None:
        path = f"/api/v1/namespaces/{self._cluster.namespace}/pods"
        while not self._over.wait(LOOK_SECONDS):
            try:
                pods = {pod["metadata"]["uid"]: pod for pod in self._cluster.call("GET", path)["items"]}
            except NOT_THERE:
                continue
            for uid in set(self._processes) - set(pods):
                self._forget(uid)
            for uid, pod in pods.items():
                try:
                    self._look(uid, pod, f"{path}/{pod['metadata']['name']}")
                except NOT_THERE:
                    continue

    def _look(self, uid: str, pod: Mapping[str, Any], path: str) -> None:
        is_deleted = "deletionTimestamp" in pod["metadata"]
        process = self._processes.get(uid)
        if process is None:
            if pod["status"]["phase"] == "Pending" and not is_deleted:
                self._processes[uid] = self._start(pod)
                self._cluster.begin(pod)
        elif process.poll() is None:
            if is_deleted:
                process.send_signal(signal.SIGTERM)
            elif pod["status"]["phase"] == "Pending":
                self._cluster.begin(pod)
        elif uid not in self._reported and pod["status"]["phase"] not in ENDED:
            code = process.returncode
            self._cluster.end(pod, SIGNALLED - code if code < 0 else code)
            self._reported.add(uid)
        if is_deleted and (process is None or process.poll() is not None):
            self._cluster.call("DELETE", f"{path}?gracePeriodSeconds=0")

    def _start(self, pod: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        container = pod["spec"]["containers"][0]
        index = pod["metadata"]["annotations"][INDEX]
        environ = {each["name"]: each.get("value", index) for each in container["env"]}
        with self._log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "imagejobs_worker", *container["args"]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={"PATH": os.environ["PATH"], **self._environ, **environ},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _forget(self, uid: str) -> None:
        process = self._processes.pop(uid)
        process.kill()
        process.wait()
