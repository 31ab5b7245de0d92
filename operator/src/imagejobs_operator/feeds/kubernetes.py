"""Feeds the queue from kopf's watches of ImageJobs and of their Jobs. The only module that knows kopf.

kopf is used as a watch library: low-level event handlers that take a key and return. No handler that keeps
state in annotations, no timers, no index (quadratic, kopf#1311), no worker limit (a limit holds slots for
idle objects), no peering.
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
    """Feed each ImageJob that changes, and that of each Job that changes, until stopped.

    Args:
        queue: Takes the keys.
        namespaces: None watches all.
        started: Called once kopf has set itself up: it has taken the process's signals for itself, and they
            can be taken back.
        stop: Ends it.
    """
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of every event
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
    """Return how kopf is to behave."""
    values = kopf.OperatorSettings()
    values.scanning.disabled = True
    values.posting.enabled = False
    values.watching.chunk_size = PAGE_OBJECTS
    values.watching.label_selectors["batch", "v1", "jobs"] = f"{names.LABEL_MANAGED_BY}={names.MANAGER}"
    return values


def make_registry(queue: WorkQueue) -> kopf.OperatorRegistry:
    """Return the handlers, which only hand over keys.

    All are async: kopf runs others in threads, and the queue belongs to the loop.
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
