"""Talks to a running control plane: kubectl, plain requests, kubeconfigs of other users."""

import json
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.clock.waiting import SLOW_SECONDS, eventually


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane, spoken to as its administrator unless said otherwise.

    Attributes:
        certificate: PEM file of the authority that signed the server's certificate.
        kubeconfig: The administrator's.
        folder: For files that go with the test run.
        programs: Where kubectl lies.
    """

    url: str
    token: str
    certificate: Path
    kubeconfig: Path
    folder: Path
    programs: Path

    def kubectl(self, *args: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """Run kubectl and return what it prints.

        Raises:
            AssertionError: It failed; the text is its complaint.
        """
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(kubeconfig or self.kubeconfig), *args]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=SLOW_SECONDS, check=False
        )
        if done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done.stdout

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """Send one request; return status and JSON answer.

        Takes milliseconds, where kubectl takes a tenth of a second.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        asked = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(asked, timeout=30, context=context) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as ex:
            with ex:
                return ex.code, json.loads(ex.read() or b"{}")

    def new_namespace(self) -> str:
        """Create a namespace and wait for its default service account, without which it takes no pods."""
        name = f"t-{secrets.token_hex(4)}"
        status, answer = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert status == 201, answer
        eventually(
            lambda: self.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] == 200
        )
        return name

    def service_account(self, namespace: str, name: str) -> Path:
        """Create a service account, which may do nothing yet, and return a kubeconfig with its token."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.request("POST", accounts, {"metadata": {"name": name}})
        status, answer = self.request(
            "POST", f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 3600}}
        )
        assert status == 201, answer
        return write_kubeconfig(
            self.folder / f"{namespace}-{name}.kubeconfig",
            self.url,
            self.certificate,
            answer["status"]["token"],
            namespace,
        )


def write_kubeconfig(path: Path, url: str, certificate: Path, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig with one context and return its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}
        ],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
