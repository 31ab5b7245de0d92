"""Writes what is missing into the Secrets. Safe to run twice: what is there stays.

The only module that reads Secrets. It needs the verbs get and patch on those that it is told to fill.
"""

import base64
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from imagejobs_api.first_secrets import contents
from imagejobs_api.first_secrets.contents import Data
from imagejobs_contract.stores import kubernetes_calls as calls


class Names(NamedTuple):
    """The Secrets to fill; "" for one that is not the chart's.

    Attributes:
        namespace: Where they are.
        try_out_redis: host:port of the try-out's Valkey.
        try_out_copies: Further namespaces with a Secret called `try_out`, for pods of Jobs.
    """

    namespace: str
    key: str = ""
    callers: str = ""
    watch: str = ""
    try_out: str = ""
    try_out_redis: str = ""
    try_out_copies: Sequence[str] = ()


async def fill(client: Any, names: Names) -> None:
    """Fill the Secrets by a client that `kubernetes_calls.connect` made.

    Raises:
        Conflict: Somebody else wrote one at the same time.
        Misconfigured: It may not.
        NotFound: One of them is not there.
        Unavailable: The Kubernetes API does not answer.
    """
    if names.key:
        key = await _ensure(client, names.namespace, names.key, contents.key)
        await _ensure(client, names.namespace, names.callers, lambda _: contents.callers(key))
    if names.watch:
        await _ensure(client, names.namespace, names.watch, contents.watch)
    if names.try_out:
        made = await _ensure(
            client,
            names.namespace,
            names.try_out,
            lambda present: contents.try_out(present, names.try_out_redis),
        )
        for namespace in names.try_out_copies:
            await _ensure(client, namespace, names.try_out, lambda _: contents.for_clients(made))


async def _ensure(client: Any, namespace: str, name: str, wanted_of: Callable[[Data], Data]) -> Data:
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    found = await calls.send(client, "GET", path)
    present = {field: base64.b64decode(value).decode() for field, value in (found.get("data") or {}).items()}
    wanted = wanted_of(present)
    if any(present.get(field) != value for field, value in wanted.items()):
        data = {field: base64.b64encode(value.encode()).decode() for field, value in wanted.items()}
        # Two at the same time would give out two keys, of which one is void.
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = {"metadata": version, "data": data}
        await calls.send(client, "PATCH", path, body=body, content_type=calls.MERGE_PATCH)
    return wanted
