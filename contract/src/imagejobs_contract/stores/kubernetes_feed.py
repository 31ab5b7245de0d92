"""Watches the ImageJobs of some namespaces, by lists and watches of the Kubernetes API.

Each change comes with the object itself: nothing is read again. It lists again after a gap, and goes on
after any failure.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobEvent
from imagejobs_contract.runtime import backoff
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_contract.stores.kubernetes_objects import collection_path, key_of, read_if_valid

KEYS_PER_PAGE = 500
JOBS_PER_PAGE = 50
"""Whole objects in one answer: 1.5 MB each at most, usually 5 to 100 kB."""
MAX_PARALLEL_LISTS = 2
"""Namespaces that are listed at the same time."""
MAX_QUEUED_JOBS = 100
"""With more, the watches wait for their reader, and the server for them."""
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.5, 30.0

_log = logging.getLogger(__name__)


async def watch_namespaces(
    client: KubernetesClient, namespaces: Sequence[str | None]
) -> AsyncIterator[JobEvent | None]:
    """Yield every job, then each that changes or is deleted; it never ends by itself.

    None comes when no namespace is behind.
    """
    feed = _Feed(namespaces)
    followers = [
        asyncio.create_task(_NamespaceWatch(client, namespace, feed).run()) for namespace in namespaces
    ]
    try:
        while True:
            yield await feed.queue.get()
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def list_keys(client: KubernetesClient, namespace: str | None) -> list[JobKey]:
    """Return the keys of all jobs in a namespace; only their metadata is read."""
    pages = _pages(client, namespace, KEYS_PER_PAGE, calls.METADATA_LIST)
    return [
        key_of(each["metadata"]) async for page in pages for each in page["items"] or ()
    ]  # null if there are none


async def count_jobs(client: KubernetesClient, namespace: str | None) -> int | None:
    """Return the number of jobs in a namespace, or None if the server does not tell; one of them is read."""
    page = await list_page(client, namespace, {"limit": "1"}, calls.METADATA_LIST)
    more = page["metadata"].get("remainingItemCount", 0)
    is_told = more or not page["metadata"].get("continue")
    return len(page["items"] or ()) + more if is_told else None


async def list_page(
    client: KubernetesClient, namespace: str | None, query: dict[str, str], accept: str = calls.JSON
) -> dict[str, Any]:
    """Return one page of a list.

    If the server forgot the position meanwhile, this page may be newer than the pages before.
    """
    asked = {name: value for name, value in query.items() if value}
    try:
        return await calls.send(client, "GET", collection_path(namespace), query=asked, accept=accept)
    except calls.Expired as ex:
        if not ex.cursor:
            raise
        return await calls.send(
            client, "GET", collection_path(namespace), query=asked | {"continue": ex.cursor}, accept=accept
        )


async def _pages(
    client: KubernetesClient, namespace: str | None, size: int, accept: str = calls.JSON
) -> AsyncGenerator[dict[str, Any], None]:
    cursor = ""
    while True:
        page = await list_page(client, namespace, {"limit": str(size), "continue": cursor}, accept)
        yield page
        cursor = page["metadata"].get("continue", "")
        if not cursor:
            return


class _Feed:
    """The one queue of all namespaces' events, and the namespaces that are behind."""

    def __init__(self, namespaces: Sequence[str | None]) -> None:
        self.queue: asyncio.Queue[JobEvent | None] = asyncio.Queue(MAX_QUEUED_JOBS)
        self.behind = set(namespaces)
        self.gate = asyncio.Semaphore(MAX_PARALLEL_LISTS)

    async def report_complete(self) -> None:
        """Put None into the queue, if no namespace is behind."""
        if not self.behind:
            await self.queue.put(None)


class _NamespaceWatch:
    """Watches one namespace, or all of them."""

    def __init__(self, client: KubernetesClient, namespace: str | None, feed: _Feed) -> None:
        self._client = client
        self._namespace = namespace
        self._feed = feed
        self._known: set[JobKey] = set()
        self._version = ""
        self._failures = 0

    async def run(self) -> None:
        """List, watch, and begin again, for ever."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                await asyncio.sleep(MIN_DELAY_SECONDS)
            except Exception as ex:  # noqa: BLE001 - the top of a loop that must outlive anything
                self._failures += 1
                self._feed.behind.add(self._namespace)
                self._version = "" if isinstance(ex, calls.Expired) else self._version
                _log.warning(
                    "watch of ImageJobs broke", extra={"namespace": self._namespace, "reason": str(ex)}
                )
                await asyncio.sleep(_delay_seconds(self._failures))

    async def _list(self) -> None:
        self._feed.behind.add(self._namespace)
        listed: set[JobKey] = set()
        version = ""
        async with self._feed.gate, aclosing(_pages(self._client, self._namespace, JOBS_PER_PAGE)) as pages:
            async for page in pages:
                # The first page's: the watch reports later changes, also where a later page was
                # newer.
                version = version or page["metadata"]["resourceVersion"]
                for body in page["items"] or ():
                    listed.add(await self._put(body))
        for key in self._known - listed:
            await self._feed.queue.put(JobEvent(key, None))
        self._known, self._version = listed, version
        self._feed.behind.discard(self._namespace)
        await self._feed.report_complete()

    async def _watch(self) -> None:
        async with aclosing(
            calls.watch(self._client, collection_path(self._namespace), self._version)
        ) as events:
            async for event, body in events:
                self._feed.behind.discard(self._namespace)
                if event == "BOOKMARK":
                    await self._feed.report_complete()
                elif event == "DELETED":
                    key = key_of(body["metadata"])
                    self._known.discard(key)
                    await self._feed.queue.put(JobEvent(key, None))
                else:
                    self._known.add(await self._put(body))
                self._version, self._failures = body["metadata"]["resourceVersion"], 0

    async def _put(self, body: dict[str, Any]) -> JobKey:
        key = key_of(body["metadata"])
        await self._feed.queue.put(JobEvent(key, read_if_valid(body)))
        return key


def _delay_seconds(failures: int) -> float:
    longest = backoff.delay_seconds(failures + 1, MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311
