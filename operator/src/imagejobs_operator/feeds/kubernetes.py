"""Hands on what kopf's watches of ImageJobs and their Jobs deliver.

The only module that knows kopf (docs/adr/0024-kopf-watches.md).

kopf lists, watches, logs in and repeats requests; its low-level event handlers hand the object on and return.
No handler that keeps state in annotations, no timers, no index (quadratic, kopf#1311), no worker limit (idle
objects would hold its slots), no peering. Each namespace has a kopf of its own, because a kopf ends as a
whole where one of its watches is refused: a namespace that is forbidden or deleted, a kind that is not there,
a server that errs for a minute. It is then started again, with a back-off, and the other namespaces notice
nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import kopf

from imagejobs_contract.model import names
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobEvent
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_contract.stores.kubernetes_objects import key_of, read_if_valid

log = logging.getLogger(__name__)

PAGE_OBJECTS = 500
"""Objects per page of a list: half the memory at 10,000 objects, measured."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 30.0
"""Before a watch that broke begins again: the first wait and the longest."""
GOOD_SECONDS = 60.0
"""After this time a watch counts as one that worked, and its waits begin anew."""
IDLE_SECONDS = 0.5
"""How long kopf keeps an object and its task after an event. With its own 5 s a start over 10,000 objects
would hold all of them at once.
"""


class Listener(Protocol):
    """Takes what the watches deliver, on the event loop."""

    def on_imagejob(self, seen: JobEvent, watch: str | None) -> None:
        """Take an ImageJob that changed, or that there is; the watch is a namespace, or all (None)."""
        ...

    def on_child_job(self, owner: JobKey) -> None:
        """Take the key of an ImageJob of which a Job changed."""
        ...

    def on_watch_end(self, watch: str | None) -> None:
        """Learn that a watch ended; another one delivers everything again."""
        ...


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-handled configuration, which only handlers of changes read: a sixth of the time."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing."""
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        """Keep nothing."""


async def follow(
    listener: Listener, namespaces: Sequence[str] | None, started: Callable[[], None], stop: asyncio.Event
) -> None:
    """Hand on each ImageJob that changes, or of which a Job changes, until stopped.

    Args:
        listener: Takes them.
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
            group.create_task(_follow_namespace(listener, namespace, started, stop))


async def _follow_namespace(
    listener: Listener, namespace: str | None, started: Callable[[], None], stop: asyncio.Event
) -> None:
    waits, told = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS), ""
    while not stop.is_set():
        begin = asyncio.get_running_loop().time()
        try:
            reason = await _run_kopf(listener, namespace, started, stop)
        finally:
            listener.on_watch_end(namespace)
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
    listener: Listener, namespace: str | None, started: Callable[[], None], stop: asyncio.Event
) -> str:
    """Run a kopf until it ends, or until stopped; return why it ended."""
    tasks = await kopf.spawn_tasks(
        registry=make_registry(listener, namespace),
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
    values.persistence.diffbase_storage = NoDiffBase()
    values.watching.chunk_size = PAGE_OBJECTS
    values.queueing.idle_timeout = IDLE_SECONDS
    values.watching.label_selectors["batch", "v1", "jobs"] = f"{names.LABEL_MANAGED_BY}={names.MANAGER}"
    return values


def make_registry(listener: Listener, watch: str | None) -> kopf.OperatorRegistry:
    """Return the handlers, which only hand on.

    All are async, because kopf runs others in threads and the listener belongs to the loop.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def on_imagejob(event: kopf.RawEvent, **_: Any) -> None:
        body = event["object"]
        is_deleted = event["type"] == "DELETED"
        listener.on_imagejob(
            JobEvent(key_of(body["metadata"]), None if is_deleted else read_if_valid(body)), watch
        )

    @kopf.on.event("batch", "v1", "jobs", registry=handlers)
    async def on_job(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        if owner := labels.get(names.LABEL_JOB):
            listener.on_child_job(JobKey(namespace or names.LOCAL_NAMESPACE, owner))

    return handlers
