"""Reads the audit log of an API server: who asked for what, and when it was answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from imagejobs_contract.model import names

WRITES = ("create", "update", "patch", "delete", "deletecollection")
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request.

    Attributes:
        verb: `get`, `list`, `watch`, `create`, `patch`...
        answered: When the answer ended.
    """

    user: str
    verb: str
    resource: str
    subresource: str
    name: str
    status: int
    answered: datetime

    @property
    def writes(self) -> bool:
        """Return whether it would change something."""
        return self.verb in WRITES

    @property
    def is_job(self) -> bool:
        """Return whether it is about ImageJobs."""
        return self.resource == names.PLURAL

    @property
    def succeeded(self) -> bool:
        """Return whether it was not refused."""
        return self.status < 300


class AuditLog:
    """The log of one API server, read from where the last reading ended."""

    def __init__(self, folder: Path) -> None:
        self._policy, self._path, self._offset = folder / "policy.json", folder / "audit.log", 0
        self._policy.write_text(json.dumps(POLICY))

    def server_options(self) -> Sequence[str]:
        """Return the options with which kube-apiserver writes it."""
        return (
            "--audit-policy-file", str(self._policy), "--audit-log-path", str(self._path),
            "--audit-log-maxsize", "2000",
        )  # fmt: skip

    def read_new(self) -> list[Request]:
        """Return the requests that were answered since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.readlines()
        whole = [line for line in lines if line.endswith(b"\n")]
        self._offset += sum(map(len, whole))
        return [_read(json.loads(line)) for line in whole]


def _read(event: dict[str, Any]) -> Request:
    about = event.get("objectRef", {})
    return Request(
        event["user"]["username"], event["verb"], about.get("resource", ""), about.get("subresource", ""),
        about.get("name", ""), event.get("responseStatus", {}).get("code", 0),
        datetime.fromisoformat(event["stageTimestamp"]),
    )  # fmt: skip
