"""Which ImageJobs changed, from watches of the Kubernetes API: lists again after a gap, goes on after any failure. Reads metadata only."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from kubernetes.aio.client import ApiClient

from imagejobs_contract.names import JobKey
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_objects import collection, key_of

KEYS_PER_PAGE = 500
QUEUE_KEYS = 1000
"""Beyond this the watches wait for their reader, and the server for them."""
LEAST_DELAY_SECONDS, MOST_DELAY_SECONDS = 0.5, 30.0

_log = logging.getLogger(__name__)


async def feed(client: ApiClient, namespaces: Sequence[str | None]) -> AsyncIterator[JobKey]:
    """Yield every key there is, then each that changes or goes; never ends by itself."""
    queue: asyncio.Queue[JobKey] = asyncio.Queue(QUEUE_KEYS)
    followers = [asyncio.create_task(_follow(client, namespace, queue)) for namespace in namespaces]
    try:
        while True:
            yield await queue.get()
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def list_keys(client: ApiClient, namespace: str | None) -> tuple[str, list[JobKey]]:
    """Return the resource version from which a watch can go on, and the keys of all jobs there."""
    found: list[JobKey] = []
    cursor = ""
    while True:
        answer = await list_page(client, namespace, {"limit": str(KEYS_PER_PAGE), "continue": cursor}, calls.METADATA_LIST)
        found += [key_of(each["metadata"]) for each in answer["items"] or ()]  # null if there are none
        cursor = answer["metadata"].get("continue", "")
        if not cursor:
            return answer["metadata"]["resourceVersion"], found


async def list_page(client: ApiClient, namespace: str | None, query: dict[str, str], accept: str = calls.JSON) -> dict[str, Any]:
    """Return one page of a list; if its place was forgotten meanwhile, what comes next may be newer than what came before."""
    asked = {name: value for name, value in query.items() if value}
    try:
        return await calls.send(client, "GET", collection(namespace), query=asked, accept=accept)
    except calls.Expired as ex:
        if not ex.cursor:
            raise
        return await calls.send(client, "GET", collection(namespace), query=asked | {"continue": ex.cursor}, accept=accept)


async def _follow(client: ApiClient, namespace: str | None, queue: asyncio.Queue[JobKey]) -> None:
    known: set[JobKey] = set()
    version, failures = "", 0
    while True:
        try:
            if not version:
                version, listed = await list_keys(client, namespace)
                for key in known.union(listed):  # what is known and not listed was deleted
                    await queue.put(key)
                known = set(listed)
            async with aclosing(calls.watch(client, collection(namespace), version)) as events:
                async for event, metadata in events:
                    version, failures = metadata["resourceVersion"], 0
                    if event != "BOOKMARK":
                        key = key_of(metadata)
                        (known.discard if event == "DELETED" else known.add)(key)
                        await queue.put(key)
            await asyncio.sleep(LEAST_DELAY_SECONDS)
        except Exception as ex:  # noqa: BLE001 - the top of a loop that must outlive anything
            failures += 1
            version = "" if isinstance(ex, calls.Expired) else version
            _log.warning("watch of ImageJobs broke", extra={"namespace": namespace, "reason": str(ex)})
            await asyncio.sleep(_delay_seconds(failures))


def _delay_seconds(failures: int) -> float:
    longest = min(MOST_DELAY_SECONDS, LEAST_DELAY_SECONDS * 2.0 ** min(failures, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311
