"""Opens the ports that speak to the Kubernetes API, over one client."""

from imagejobs_contract.model.times import utc_now
from imagejobs_contract.ports import ProgressBoard, TaskQueue
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.stores.kubernetes import KubernetesStore, connect
from imagejobs_operator.act.ports import Callbacks, Ports
from imagejobs_operator.events.kubernetes import KubernetesEvents
from imagejobs_operator.jobs.kubernetes import KubernetesJobs
from imagejobs_operator.jobs.pod_spec import PodSettings
from imagejobs_operator.settings import Settings


async def open_ports(
    settings: Settings,
    board: ProgressBoard,
    queue: TaskQueue,
    objects: ObjectStore,
    callbacks: Callbacks | None = None,
) -> Ports:
    """Return all ports; closing their store closes the client.

    Raises:
        Misconfigured: Neither a service account nor a kubeconfig leads to an API server.
    """
    client = await connect(settings.kubeconfig)
    pods = PodSettings(
        settings.worker_image,
        settings.worker_env_secrets,
        settings.worker_env_config_map,
        settings.worker_service_account,
        settings.sizes,
        settings.pod,
        settings.limits.queue_seconds,
        frozenset(settings.copied_labels),
    )
    jobs = KubernetesJobs(client, pods) if settings.jobs else None
    return Ports(
        KubernetesStore(client, settings.namespaces),
        board,
        queue,
        objects,
        jobs,
        KubernetesEvents(client, utc_now),
        callbacks,
    )
