"""The body of `POST /api/jobs`: an ImageJob in the words of the HTTP API, read into a value with every fault of it at once. Pure.

What an ImageJob may say is read by the contract; here stands what only a caller is bound to: where it may
read and write, and whom it may disturb.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from imagejobs_api.http import filenames
from imagejobs_api.submit.callback_url import Callbacks
from imagejobs_api.submit.url_reader import name_of
from imagejobs_contract.errors import Refused
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import KEY_PATTERN, Item, read_item
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.spec_json import SPEC_FIELDS, read_manifest_ref, read_settings
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.url import read_url
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import source_prefixes

CHOICES = ("items", "prefix", "manifest")
FIELDS = ({*SPEC_FIELDS} - {"retryFailed", "repeatCallback", "cancel"}) | {"prefix", "name"}
MAX_FAULTS = 100
"""Told of one request."""
CLUSTER_CLASSES = "system-"
"""Priority classes of Kubernetes' own parts: pods that have one may push any other off its node."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A caller's own manifest; `count` lines, or as many as there are."""

    key: str
    count: int | None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is asked for. Of `items`, `prefix` and `manifest` one is given.

    Attributes:
        terms: All of the ImageJob but its images.
        title: What the caller calls the job.
    """

    terms: Spec
    items: tuple[Item, ...]
    prefix: str | None
    manifest: Listing | None
    title: str

    @property
    def may_be_long(self) -> bool:
        """Tell whether its images may have to go into a manifest."""
        return self.manifest is not None or self.prefix is not None or len(self.items) > limits.MAX_ITEMS


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may name; prefixes end with a slash or, for uploads, with a dot.

    Attributes:
        now: Seconds since the epoch.
    """

    sources: tuple[str, ...]
    outputs: tuple[str, ...]
    now: float


def read_request(
    body: Mapping[str, Any], rights: Rights, guard: AddressGuard, callbacks: Callbacks, default_seconds: int
) -> JobRequest:
    """Read a request.

    Args:
        default_seconds: The job's deadline when it names none.

    Raises:
        Invalid: With every fault, but no more than `MAX_FAULTS`.
    """
    reader = Reader(_long_form(body), snake=True)
    reader.unknown(FIELDS)
    given = [name for name in CHOICES if reader.has(name)]
    if len(given) != 1:
        reader.fault("items", f"give one of {', '.join(CHOICES)}; these are {len(given)}")
    request = JobRequest(
        terms=_terms(reader, rights, callbacks, default_seconds),
        items=_items(reader, rights, guard),
        prefix=_prefix(reader, rights),
        manifest=_manifest(reader, rights),
        title=filenames.clean(reader.text("name", 200) or ""),
    )
    if given == ["items"] and not request.items and not reader.faults:
        reader.fault("items", "is empty")
    del reader.faults[MAX_FAULTS:]
    reader.check()
    return request


def _long_form(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body with its callback as an object: the other calls take a URL, and here that is an object's only field."""
    callback = body.get("callback")
    return {**body, "callback": {"url": callback}} if isinstance(callback, str) else body


def _terms(reader: Reader, rights: Rights, callbacks: Callbacks, default_seconds: int) -> Spec:
    terms = read_settings(reader)
    if not reader.has("activeDeadlineSeconds"):
        terms = replace(terms, active_deadline_seconds=default_seconds)
    if callback := reader.child("callback"):
        callbacks.checked(callback, "url", terms.callback_url)
    prefix = terms.output.prefix
    if prefix and not f"{prefix.rstrip('/')}/".startswith(rights.outputs):
        allowed = (
            f"you may write under {' '.join(rights.outputs)}"
            if rights.outputs
            else "without it results lie under outputs/<job id>/"
        )
        reader.fault("output.prefix", f"is not open to you: {allowed}")
    if (terms.priority_class_name or "").startswith(CLUSTER_CLASSES):
        reader.fault("priorityClassName", f"classes that begin with {CLUSTER_CLASSES} are the cluster's own")
    return terms


def _items(reader: Reader, rights: Rights, guard: AddressGuard) -> tuple[Item, ...]:
    items = []
    for each in reader.children("items", limits.MAX_MANIFEST_ITEMS):
        item = read_item(each)
        if len(reader.faults) > MAX_FAULTS:
            break
        if item.key is not None:
            _check_key(each, "key", item.key, rights)
        elif item.url is not None:
            _check_url(each, item.url, guard)
        items.append(replace(item, name=filenames.clean(item.name) or _default_name(item)))
    return tuple(items)


def _check_key(reader: Reader, field: str, key: str, rights: Rights) -> None:
    if not source_prefixes.is_plain(key):
        reader.fault(field, "holds a part that is empty, . or .., or a backslash or a control character")
    elif not source_prefixes.may_read(key, rights.sources):
        reader.fault(field, f"may not be read by you; what begins with {' or '.join(rights.sources)} may")
    elif rights.now - (source_prefixes.uploaded_seconds(key) or rights.now) > limits.UPLOAD_SECONDS:
        reader.fault(
            field,
            f"was uploaded more than {limits.UPLOAD_SECONDS} s ago, and may be deleted while the job runs: upload it again",
        )


def _check_url(reader: Reader, url: str, guard: AddressGuard) -> None:
    try:
        guard.check(read_url(url))
    except Refused as ex:
        reader.fault("url", ex.message)


def _default_name(item: Item) -> str:
    if item.key is not None:
        return filenames.clean(PurePosixPath(item.key).name)
    try:
        return name_of(item.url or "")
    except Refused:
        return ""


def _prefix(reader: Reader, rights: Rights) -> str | None:
    given = reader.text(
        "prefix", limits.MAX_KEY_LENGTH, pattern=KEY_PATTERN, shape="an S3 prefix such as photos/2026/"
    )
    if given is None:
        return None
    folder = f"{given.rstrip('/')}/"
    _check_key(reader, "prefix", folder, rights)
    return folder


def _manifest(reader: Reader, rights: Rights) -> Listing | None:
    child = reader.child("manifest")
    if child is None:
        return None
    key, count = read_manifest_ref(child)
    if not child.has("key"):
        child.fault("key", "is missing")
    if key is None:
        return None
    _check_key(child, "key", key, rights)
    return Listing(key, count)
