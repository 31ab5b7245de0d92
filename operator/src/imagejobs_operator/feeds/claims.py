"""Looks whether the cluster guards what only the API may say of an ImageJob, at first and again and again.

The guard is the policy `claims.imagejobs.dev` (`manifests/admission.yaml`) with its binding.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from imagejobs_contract.errors import ImageJobsError, Misconfigured, NotFound
from imagejobs_contract.stores.kubernetes_calls import send
from imagejobs_contract.stores.kubernetes_client import KubernetesClient

log = logging.getLogger(__name__)

NAME = "claims.imagejobs.dev"
UNGUARDED_SECONDS = 3.0
"""Between two looks while there is no guard: Helm installs the policy after the operator."""
_PATH = "/apis/admissionregistration.k8s.io/v1"
_POLICY = f"{_PATH}/validatingadmissionpolicies/{NAME}"
_BINDING = f"{_PATH}/validatingadmissionpolicybindings/{NAME}"


async def are_guarded(client: KubernetesClient) -> bool:
    """Return whether the policy exists, and refuses what it finds.

    Raises:
        ImageJobsError: The API server does not answer.
    """
    try:
        policy, binding = await asyncio.gather(send(client, "GET", _POLICY), send(client, "GET", _BINDING))
    except (NotFound, Misconfigured):  # there is none, or it may not be read
        return False
    spec = binding.get("spec", {})
    everywhere = "matchResources" not in spec and "paramRef" not in spec
    return (
        everywhere
        and spec.get("policyName") == NAME
        and "Deny" in spec.get("validationActions", [])
        and policy.get("spec", {}).get("failurePolicy") == "Fail"
    )


async def follow_guard(
    ask: Callable[[], Awaitable[bool]], believe: Callable[[bool], None], seconds: float
) -> None:
    """Tell whether claims are guarded, at first and whenever that changes, for ever.

    Args:
        ask: Calls `are_guarded`.
        believe: Takes the answer.
        seconds: Between two questions.
    """
    told: bool | None = None
    while True:
        try:
            guarded = await ask()
        except ImageJobsError as ex:
            log.warning("the policy cannot be read", extra={"policy": NAME, "reason": ex.message})
        else:
            if guarded is not told:
                log.log(
                    logging.INFO if guarded else logging.ERROR,
                    "claims guarded" if guarded else "claims not guarded",
                    extra={"policy": NAME},
                )
                told = guarded
                believe(guarded)
        await asyncio.sleep(seconds if told else min(seconds, UNGUARDED_SECONDS))
