"""Stores the Lease on the Kubernetes API (`coordination.k8s.io/v1`). No other module does."""

from typing import Any

from imagejobs_contract.errors import NotFound
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_operator.leader.leadership import LeaseRecord


class KubernetesLease:
    """Implements `leadership.LeaseStore` with a Lease.

    Args:
        client: Is used beside the operator's gate: a Lease is renewed also while other requests fail.
        namespace: Of the Lease.
        name: Of the Lease.
    """

    def __init__(self, client: KubernetesClient, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, or None if there is none."""
        try:
            return _read(await calls.send(self._client, "GET", f"{self._collection}/{self._name}"))
        except NotFound:
            return None

    async def write(self, before: LeaseRecord | None, holder: str, seconds: float) -> LeaseRecord:
        """Write the Lease, and return it."""
        now = self._client.calendar().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = {"name": self._name, "namespace": self._namespace}
        spec: dict[str, Any] = {
            "holderIdentity": holder or None,
            "leaseDurationSeconds": round(seconds),
            "renewTime": now,
        }
        if before is None or before.holder != holder:
            spec["acquireTime"] = now
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        if before is None:
            return _read(await calls.send(self._client, "POST", self._collection, body=body))
        metadata["resourceVersion"] = before.version
        return _read(
            await calls.send(
                self._client,
                "PATCH",
                f"{self._collection}/{self._name}",
                body=body,
                content_type=calls.MERGE_PATCH,
            )
        )


def _read(body: dict[str, Any]) -> LeaseRecord:
    spec = body.get("spec") or {}
    return LeaseRecord(
        str(spec.get("holderIdentity") or ""),
        float(spec.get("leaseDurationSeconds") or 0),
        str(body["metadata"]["resourceVersion"]),
    )
