"""Makes the ports that speak to the Kubernetes API, over one client."""

from imagejobs_contract.ports import JobStore, ProgressBoard, TaskQueue
from imagejobs_contract.runtime.gate import Gate
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_operator.act.gated import gated
from imagejobs_operator.act.ports import Callbacks, Ports
from imagejobs_operator.events.kubernetes import KubernetesEvents
from imagejobs_operator.jobs.kubernetes import KubernetesJobs
from imagejobs_operator.jobs.namespaces import KubernetesNamespaces
from imagejobs_operator.jobs.pod_spec import PodSettings
from imagejobs_operator.settings import Settings


def make_ports(
    client: KubernetesClient,
    store: JobStore,
    settings: Settings,
    board: ProgressBoard,
    queue: TaskQueue,
    objects: ObjectStore,
    gate: Gate,
    callbacks: Callbacks | None = None,
) -> Ports:
    """Return all ports; closing their store closes the client."""
    pods = PodSettings(
        settings.worker_image,
        settings.worker_env_secrets,
        settings.worker_env_config_map,
        settings.worker_service_account,
        settings.sizes,
        settings.pod,
        settings.limits.queue_seconds,
        settings.worker_ca_config_map,
        frozenset(settings.copied_labels),
    )
    jobs = KubernetesJobs(client, pods) if settings.jobs else None
    return Ports(
        store,
        board,
        queue,
        objects,
        gated(jobs, gate) if jobs else None,
        gated(KubernetesEvents(client), gate),
        callbacks,
        gated(KubernetesNamespaces(client), gate),
    )
