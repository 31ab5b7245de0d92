"""Paths, selectors and patches of ImageJobs for the Kubernetes API: pure functions."""

import re
from collections.abc import Mapping
from typing import Any

from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.spec_json import DNS_LABEL
from imagejobs_contract.model.status import State


def collection_path(namespace: str | None) -> str:
    """Return the path of a namespace's ImageJobs, or of all.

    Raises:
        NotFound: No namespace can have that name. It could otherwise lead the request to another path.
    """
    if namespace is None:
        return f"/apis/{names.API_VERSION}/{names.PLURAL}"
    if not re.fullmatch(DNS_LABEL, namespace, re.ASCII):
        raise NotFound(f"there is no namespace {namespace!r}")
    return f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}"


def job_path(key: JobKey) -> str:
    """Return the path of an ImageJob.

    Raises:
        NotFound: No ImageJob can have that name. It could otherwise lead the request to another path.
    """
    if not re.fullmatch(names.NAME_PATTERN, key.name, re.ASCII):
        raise NotFound(f"there is no job {key}")
    return f"{collection_path(key.namespace)}/{key.name}"


def key_of(metadata: Mapping[str, Any]) -> JobKey:
    """Return the key of an object with this metadata."""
    return JobKey(metadata["namespace"], metadata["name"])


def read_if_valid(body: Mapping[str, Any]) -> ImageJob | None:
    """Return the job, or None if its spec cannot be read, because an older version stored it."""
    try:
        return ImageJob.from_body(body)
    except Invalid:
        return None


def new_body(job: ImageJob) -> dict[str, Any]:
    """Return the body that creates a job: without the fields that the server assigns."""
    body = job.to_body()
    assigned = ("uid", "resourceVersion", "generation", "creationTimestamp")
    meta = {name: value for name, value in body["metadata"].items() if name not in assigned}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": meta, "spec": body["spec"]}


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch (RFC 7396) from one object to another.

    Fields that vanished are null, also in inner objects, because a merge patch merges those.
    """
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if name not in before or old != value:
            patch[name] = (
                merge_patch(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
            )
    return patch


def state_selector(state: State | None) -> str:
    """Return the field selector of a state.

    A job that no operator has seen has no state and counts as Pending.
    """
    if state is State.PENDING:
        return ",".join(f"status.state!={other}" for other in State if other is not State.PENDING)
    return f"status.state={state}" if state else ""


def caller_selector(caller: CallerName | None) -> str:
    """Return the label selector of a caller's jobs, or of those without a caller."""
    if caller == names.UNOWNED:
        return f"!{names.LABEL_CALLER}"
    return f"{names.LABEL_CALLER}={caller}" if caller else ""


def format_cursor(place: int, token: str, places: int) -> str:
    """Return the cursor of the page after one of the `place`-th of `places` namespaces; "" after the last."""
    if token:
        return f"{place}.{token}"
    return f"{place + 1}." if place + 1 < places else ""


def read_cursor(cursor: str, places: int) -> tuple[int, str]:
    """Return the place of the namespace and the server's own token.

    Raises:
        Invalid: The cursor is not one that `format_cursor` made.
    """
    match = re.fullmatch(r"([0-9]{1,6})\.(.{0,4096})", cursor or "0.", re.ASCII)
    if not match or int(match[1]) >= places:
        raise Invalid([Fault("cursor", "is not one of ours")])
    return int(match[1]), match[2]
