"""Requests to the Kubernetes API: time limits, and its errors as ours. Knows nothing of ImageJobs.

The generated methods of `kubernetes.aio` are not used, because none of them can ask for metadata alone.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from yaml import YAMLError

from imagejobs_contract.errors import (
    AlreadyExists,
    Conflict,
    Fault,
    Invalid,
    Misconfigured,
    NotFound,
    Unavailable,
)
from imagejobs_contract.stores.kubernetes_client import KubernetesClient

REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 5.0
WATCH_SECONDS = 240
"""After this time the server ends a watch."""
SILENCE_SECONDS = 90.0
"""A watch sends a bookmark each minute; one that is silent for longer is dead."""
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
WATCH_TIMEOUT = aiohttp.ClientTimeout(
    connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
)
MAX_CONNECTIONS = 500
"""Of one client; each watched namespace holds one, and the library's own 100 would leave none for requests.
"""
READ_BYTES = 2 * 2**20
"""Read of a connection at once, as in the library's session: an event may be longer than etcd's 1.5 MB."""
MAX_EVENT_BYTES = 16 * 2**20
"""Of one event of a watch. etcd takes 1.5 MB an object; JSON and the lists of managed fields make it several
times as large.
"""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Expired(Unavailable):
    """Raised when a list or watch cannot continue from its position, but can begin again.

    Attributes:
        cursor: Where a list can continue with newer objects; "" if it must begin again.
    """

    def __init__(self, cursor: str = "") -> None:
        self.cursor = cursor
        super().__init__("the place in the list is forgotten")


async def connect(kubeconfig: str | None) -> KubernetesClient:
    """Return a client by that kubeconfig file, or by the pod's service account if it is None.

    Raises:
        Misconfigured: The file or the service account cannot be used.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = MAX_CONNECTIONS
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    except (config.ConfigException, YAMLError, OSError, ValueError) as ex:
        raise Misconfigured(f"no way to the Kubernetes API: {ex}") from ex
    configuration.proxy = configuration.proxy or _find_proxy(configuration.host)
    api = ApiClient(configuration)
    # The library's session looks for a proxy and for ~/.netrc with each request, both in threads.
    theirs = api.rest_client.pool_manager
    session = aiohttp.ClientSession(connector=theirs.connector, read_bufsize=READ_BYTES)
    theirs.detach()
    api.rest_client.pool_manager = session
    return KubernetesClient(api, session)


def _find_proxy(host: str) -> str | None:
    """Return the proxy that the environment names for the API server."""
    url = urlsplit(host)
    return None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)


async def send(
    client: KubernetesClient, method: str, path: str, *, query: Mapping[str, str] | None = None,
    body: object = None, content_type: str = JSON, accept: str = JSON,
) -> dict[str, Any]:  # fmt: skip
    """Send one request and return the response's object.

    Raises:
        Expired: The `continue` of a list is too old.
        AlreadyExists, Conflict, Invalid, Misconfigured, NotFound, Unavailable: By the server's status.
    """
    headers = {"Accept": accept, "Content-Type": content_type}
    async with _response(client, method, path, query or {}, headers, body, REQUEST_TIMEOUT) as response:
        return _parse_object(await response.read())


async def watch(
    client: KubernetesClient, path: str, version: str
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield (event type, object) of all changes after that resource version, until the server ends it.

    The object of a bookmark has only a resource version.

    Raises:
        Expired: The version is too old.
        Misconfigured, Unavailable: By the server's status, or it fell silent.
    """
    query = {
        "watch": "1",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    async with _response(client, "GET", path, query, {"Accept": JSON}, None, WATCH_TIMEOUT) as response:
        async for line in _read_lines(response.content):
            event = _parse_object(line)
            if event["type"] == "ERROR":
                _raise_error(int(event["object"].get("code", 500)), {}, event["object"])
            yield event["type"], event["object"]


async def _read_lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length up to an event's; the library's own end at 128 kB."""
    held = bytearray()
    async for part in content.iter_any():
        held += part
        *whole, rest = held.split(b"\n") if b"\n" in part else (held,)
        for line in whole:
            yield bytes(line)
        held = rest
        if len(held) > MAX_EVENT_BYTES:
            raise Unavailable(f"an event has more than {MAX_EVENT_BYTES} bytes")


@asynccontextmanager
async def _response(
    client: KubernetesClient, method: str, path: str, query: Mapping[str, str], headers: dict[str, str],
    body: object, limits: aiohttp.ClientTimeout,
) -> AsyncIterator[aiohttp.ClientResponse]:  # fmt: skip
    try:
        headers = {**client.api.default_headers, **headers}
        await client.api.update_params_for_auth(headers, [], ["BearerToken"])
        configuration = client.api.configuration
        response = await client.session.request(
            method,
            f"{configuration.host}{path}?{urlencode(query)}" if query else configuration.host + path,
            headers=headers,
            data=None if body is None else json.dumps(body),
            timeout=limits,
            proxy=configuration.proxy,
            proxy_headers=configuration.proxy_headers,
            server_hostname=configuration.tls_server_name,
        )
        client.calendar.record(response.headers)
        async with response:
            if response.status >= 300:
                _raise_error(response.status, response.headers, _parse_object(await response.read()))
            try:
                yield response
            finally:
                _abort(response)
    except (aiohttp.ClientError, OSError, ValueError) as ex:
        raise Unavailable(f"the Kubernetes API does not answer: {ex!r}", retry_after_seconds=1.0) from ex


def _abort(response: aiohttp.ClientResponse) -> None:
    """Cut a stream that did not end.

    TLS would otherwise close it in the background, and might still wait when the loop closes.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


def _raise_error(status: int, headers: Mapping[str, str], answer: Mapping[str, Any]) -> NoReturn:
    message, details = str(answer.get("message", f"HTTP {status}")), answer.get("details") or {}
    if status in (401, 403):
        raise Misconfigured(message)
    if status == 404:
        # What is not there has a name; without one it is the kind that is not there.
        raise (
            NotFound(message)
            if details.get("name")
            else Misconfigured(f"ImageJobs are not defined in this cluster: {message}")
        )
    if status == 409:
        raise AlreadyExists(message) if answer.get("reason") == "AlreadyExists" else Conflict(message)
    if status == 410:
        raise Expired((answer.get("metadata") or {}).get("continue", ""))
    if status in (400, 413, 422):
        raise Invalid(_read_faults(details) or [Fault("", message)])
    if status == 429 or status >= 500:
        raise Unavailable(message, retry_after_seconds=_parse_seconds(headers.get("Retry-After")))
    raise Misconfigured(message)


def _read_faults(details: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(str(cause.get("field", "")), str(cause.get("message", "")))
        for cause in details.get("causes") or ()
    ]


def _parse_seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 1.0


def _parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object; some errors of proxies are plain text."""
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"message": data[:500].decode(errors="replace")}
