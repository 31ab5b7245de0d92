"""Asks the Kubernetes API whether a namespace is being deleted."""

import time

from imagejobs_contract.errors import Misconfigured, NotFound
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_client import KubernetesClient

ANSWER_SECONDS = 5.0
"""An answer is good for all jobs of the namespace for this time."""


class KubernetesNamespaces:
    """Implements `ports.Namespaces`."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._answers: dict[str, tuple[float, bool]] = {}

    async def is_ending(self, namespace: str) -> bool:
        """Return whether a namespace is being deleted, or is gone; False where that may not be asked."""
        asked, ending = self._answers.get(namespace, (-ANSWER_SECONDS, False))
        if time.monotonic() - asked < ANSWER_SECONDS:
            return ending
        ending = await self._ask(namespace)
        self._answers[namespace] = time.monotonic(), ending
        return ending

    async def _ask(self, namespace: str) -> bool:
        try:
            body = await calls.send(self._client, "GET", f"/api/v1/namespaces/{namespace}")
        except NotFound:
            return True
        except Misconfigured:
            return False
        return "deletionTimestamp" in body["metadata"]
