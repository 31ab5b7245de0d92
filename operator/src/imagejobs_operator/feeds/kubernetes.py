"""Adds keys to the work queue from kopf's watches of ImageJobs and their Jobs.

The only module that knows kopf.

kopf lists, watches, logs in and repeats requests; its low-level event handlers add a key and return. No
handler that keeps state in annotations, no timers, no index (quadratic, kopf#1311), no worker limit (idle
objects would hold its slots), no peering. Each namespace has a kopf of its own, because a kopf ends as a
whole where one of its watches is refused: a namespace that is forbidden or deleted, a kind that is not there,
a server that errs for a minute. It is then started again, with a back-off, and the other namespaces notice
nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import kopf

from imagejobs_contract.model import names
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_operator.act.work_queue import WorkQueue

log = logging.getLogger(__name__)

PAGE_OBJECTS = 500
"""Objects per page of a list: half the memory at 10,000 objects, measured."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 30.0
"""Before a watch that broke begins again: the first wait and the longest."""
GOOD_SECONDS = 60.0
"""After this time a watch counts as one that worked, and its waits begin anew."""


async def follow(
    queue: WorkQueue, namespaces: Sequence[str] | None, started: Callable[[], None], stop: asyncio.Event
) -> None:
    """Add the key of each ImageJob that changes, or of which a Job changes, until stopped.

    Args:
        queue: Takes the keys.
        namespaces: None watches all.
        started: Called whenever a kopf has set its handlers for SIGTERM and SIGINT, so that the program can
            set its own again.
        stop: Ends it.
    """
    # What ended a kopf is told by us, once and without a traceback; the rest of what it says is each event.
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    places: Sequence[str | None] = (None,) if namespaces is None else namespaces
    async with asyncio.TaskGroup() as group:
        for namespace in places:
            group.create_task(_follow_namespace(queue, namespace, started, stop))


async def _follow_namespace(
    queue: WorkQueue, namespace: str | None, started: Callable[[], None], stop: asyncio.Event
) -> None:
    waits, told = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS), ""
    while not stop.is_set():
        begin = asyncio.get_running_loop().time()
        reason = await _run_kopf(queue, namespace, started, stop)
        if asyncio.get_running_loop().time() - begin >= GOOD_SECONDS:
            waits.reset()
            told = ""
        if stop.is_set():
            return
        if reason != told:
            told = reason
            log.warning("watch of ImageJobs broke", extra={"namespace": namespace, "reason": reason})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), waits.next())


async def _run_kopf(
    queue: WorkQueue, namespace: str | None, started: Callable[[], None], stop: asyncio.Event
) -> str:
    """Run a kopf until it ends, or until stopped; return why it ended."""
    tasks = await kopf.spawn_tasks(
        registry=make_registry(queue),
        settings=make_settings(),
        standalone=True,
        clusterwide=namespace is None,
        namespaces=() if namespace is None else (namespace,),
        stop_flag=stop,
    )
    started()
    # Not `kopf.run_tasks`, which in the end cancels all tasks of the loop that it does not know.
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return "; ".join(dict.fromkeys(_describe(each) for each in errors if each)) or "it ended"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


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
