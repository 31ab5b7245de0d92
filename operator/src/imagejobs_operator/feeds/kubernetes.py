"""Adds keys to the work queue from kopf's watches of ImageJobs and their Jobs.

The only module that knows kopf.

kopf serves as a watch library: low-level event handlers add a key and return. No handler that keeps state in
annotations, no timers, no index (quadratic, kopf#1311), no worker limit (idle objects would hold its slots),
no peering.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from imagejobs_contract.model import names
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.act.work_queue import WorkQueue

PAGE_OBJECTS = 500
"""Objects per page of a list: half the memory at 10,000 objects, measured."""


async def follow(
    queue: WorkQueue, namespaces: Sequence[str] | None, started: Callable[[], None], stop: asyncio.Event
) -> None:
    """Add the key of each ImageJob that changes, or of which a Job changes, until stopped.

    Args:
        queue: Takes the keys.
        namespaces: None watches all.
        started: Called once after kopf has set its handlers for SIGTERM and SIGINT, so that the program can
            set its own again.
        stop: Ends it.
    """
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it logs every event
    others = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=make_registry(queue),
        settings=make_settings(),
        standalone=True,
        clusterwide=namespaces is None,
        namespaces=namespaces or (),
        stop_flag=stop,
    )
    started()
    await kopf.run_tasks(tasks, ignored=others)


def make_settings() -> kopf.OperatorSettings:
    """Return the settings of kopf."""
    values = kopf.OperatorSettings()
    values.scanning.disabled = True
    values.posting.enabled = False
    values.watching.chunk_size = PAGE_OBJECTS
    values.watching.label_selectors["batch", "v1", "jobs"] = f"{names.LABEL_MANAGED_BY}={names.MANAGER}"
    return values


def make_registry(queue: WorkQueue) -> kopf.OperatorRegistry:
    """Return the handlers, which only add keys.

    All are async, because kopf runs others in threads and the queue belongs to the loop.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def on_imagejob(namespace: str | None, name: str | None, **_: Any) -> None:
        queue.add(JobKey(namespace or names.LOCAL_NAMESPACE, name or ""))

    @kopf.on.event("batch", "v1", "jobs", registry=handlers)
    async def on_job(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        if owner := labels.get(names.LABEL_JOB):
            queue.add(JobKey(namespace or names.LOCAL_NAMESPACE, owner))

    return handlers
