"""Reads the body of `POST /api/jobs`, every fault at once. Pure.

The contract reads the fields of an ImageJob. This module adds the rules that bind callers only: where they
may read and write, and which priority classes they may name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_contract.errors import Refused
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import KEY_PATTERN, Item, read_item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.spec import Execution, Spec
from imagejobs_contract.model.spec_json import SPEC_FIELDS, read_manifest_ref, read_settings
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.url import read_url
from imagejobs_contract.reader import MAX_FAULTS, Reader
from imagejobs_contract.wire import file_names, source_prefixes

IMAGE_FIELDS = ("items", "prefix", "manifest")
VARIANTS_FROM = "variants_from"
"""Names a preset in place of `variants`; the job gets its variants, as they are now."""
FIELDS = ({*SPEC_FIELDS} - {"retryFailed", "retryCodes", "repeatCallback", "cancel"}) | {
    "prefix",
    "name",
    VARIANTS_FROM,
}


@dataclass(frozen=True, slots=True)
class ManifestRef:
    """A caller's own manifest, and the number of its lines; None if the caller gives no number."""

    key: S3Key
    count: int | None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A valid request. It has one of `items`, `prefix` and `manifest`.

    Attributes:
        settings: The spec of the ImageJob without its images.
        title: The caller's name for the job.
    """

    settings: Spec
    items: tuple[Item, ...]
    prefix: str | None
    manifest: ManifestRef | None
    title: str

    @property
    def may_need_manifest(self) -> bool:
        """Return whether the images may need a manifest."""
        return (
            self.manifest is not None
            or self.prefix is not None
            or len(self.items) > limits.MAX_ITEMS
            or any(item.headers for item in self.items)
        )


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a caller may name.

    Attributes:
        sources: Prefixes from which the caller's jobs may read images. They end with a slash or, for uploads,
            with a dot.
        outputs: Prefixes under which the caller's jobs may store results; each ends with a slash.
        now: Seconds since the epoch.
        priority_classes: Of the pods of the caller's jobs; None allows any.
        queues: Of Kueue; None allows any.
    """

    sources: tuple[str, ...]
    outputs: tuple[str, ...]
    now: float
    priority_classes: tuple[str, ...] | None = None
    queues: tuple[str, ...] | None = None


def read_request(
    body: Mapping[str, Any],
    permissions: Permissions,
    guard: AddressGuard,
    callbacks: CallbackUrls,
    presets: Presets,
    default_seconds: int,
) -> JobRequest:
    """Read a request.

    Args:
        default_seconds: The job's deadline when it names none.

    Raises:
        Invalid: With every fault, but no more than `MAX_FAULTS`.
    """
    reader = Reader(_expand_callback(body), snake=True)
    reader.unknown(FIELDS)
    given = [name for name in IMAGE_FIELDS if reader.has(name)]
    if len(given) != 1:
        reader.fault("items", f"give one of {', '.join(IMAGE_FIELDS)}; these are {len(given)}")
    request = JobRequest(
        settings=_read_job_settings(reader, permissions, callbacks, presets, default_seconds),
        items=_read_items(reader, permissions, guard),
        prefix=_read_prefix(reader, permissions),
        manifest=_read_manifest(reader, permissions),
        title=file_names.clean(reader.text("name", 200) or ""),
    )
    if given == ["items"] and not request.items and not reader.faults:
        reader.fault("items", "is empty")
    if request.settings.execution is Execution.POOL and any(item.headers for item in request.items):
        reader.fault("execution", "is Job where an image has headers, which the pool's tasks do not hold")
    del reader.faults[MAX_FAULTS:]
    reader.check()
    return request


def _expand_callback(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body with its callback as an object.

    The other calls take a URL, so this one takes a URL too; in the spec it is the only field of an object.
    """
    callback = body.get("callback")
    return {**body, "callback": {"url": callback}} if isinstance(callback, str) else body


def _read_job_settings(
    reader: Reader,
    permissions: Permissions,
    callbacks: CallbackUrls,
    presets: Presets,
    default_seconds: int,
) -> Spec:
    settings = read_settings(reader)
    if reader.has(VARIANTS_FROM) and reader.has("variants"):
        reader.fault(VARIANTS_FROM, "goes without variants: it names a set of them")
    elif reader.has(VARIANTS_FROM):
        settings = replace(settings, variants=presets.read_field(reader, VARIANTS_FROM))
    if not reader.has("activeDeadlineSeconds"):
        settings = replace(settings, active_deadline_seconds=default_seconds)
    if callback := reader.child("callback"):
        callbacks.check(callback, "url", settings.callback_url)
    prefix = settings.output.prefix
    if prefix and not f"{prefix.rstrip('/')}/".startswith(permissions.outputs):
        allowed = (
            f"you may write under {' '.join(permissions.outputs)}"
            if permissions.outputs
            else "without it results lie under a prefix of the job's own"
        )
        reader.fault("output.prefix", f"is not open to you: {allowed}")
    if (settings.priority_class_name or "").startswith(limits.CLUSTER_CLASS_PREFIX):
        reader.fault(
            "priorityClassName",
            f"classes that begin with {limits.CLUSTER_CLASS_PREFIX} are the cluster's own",
        )
    else:
        _check_name(reader, "priorityClassName", settings.priority_class_name, permissions.priority_classes)
    _check_name(reader, "queueName", settings.queue_name, permissions.queues)
    return settings


def _check_name(reader: Reader, field: str, value: str | None, allowed: tuple[str, ...] | None) -> None:
    if value and allowed is not None and value not in allowed:
        may = f"you may name {' '.join(allowed)}" if allowed else "you may name none"
        reader.fault(field, f"is not open to you: {may}")


def _read_items(reader: Reader, permissions: Permissions, guard: AddressGuard) -> tuple[Item, ...]:
    items = []
    for each in reader.children("items", limits.MAX_MANIFEST_ITEMS):
        item = read_item(each, with_headers=True)
        if len(reader.faults) > MAX_FAULTS:
            break
        if item.key is not None:
            _check_key(each, "key", item.key, permissions)
        elif item.url is not None:
            _check_url(each, item.url, guard)
        items.append(replace(item, name=file_names.clean(item.name) or _default_name(item)))
    return tuple(items)


def _check_key(reader: Reader, field: str, key: str, permissions: Permissions) -> None:
    if field == "key" and key.endswith("/"):
        reader.fault(field, "ends with a slash, so it is a folder: give it as prefix")
    elif not source_prefixes.is_plain(key):
        reader.fault(field, "holds a part that is empty, . or .., or a backslash or a control character")
    elif not source_prefixes.may_read(key, permissions.sources):
        reader.fault(
            field, f"may not be read by you; what begins with {' or '.join(permissions.sources)} may"
        )
    elif permissions.now - (source_prefixes.uploaded_seconds(key) or permissions.now) > limits.UPLOAD_SECONDS:
        reader.fault(
            field,
            f"was uploaded more than {limits.UPLOAD_SECONDS} s ago, and may be deleted while the job runs:"
            " upload it again",
        )


def _check_url(reader: Reader, url: str, guard: AddressGuard) -> None:
    try:
        guard.check(read_url(url))
    except Refused as ex:
        reader.fault("url", ex.message)


def _default_name(item: Item) -> str:
    if item.key is not None:
        return file_names.clean(PurePosixPath(item.key).name)
    return file_names.from_url(item.url or "")


def _read_prefix(reader: Reader, permissions: Permissions) -> str | None:
    given = reader.text(
        "prefix", limits.MAX_KEY_LENGTH, pattern=KEY_PATTERN, shape="an S3 prefix such as photos/2026/"
    )
    if given is None:
        return None
    folder = f"{given.rstrip('/')}/"
    _check_key(reader, "prefix", folder, permissions)
    return folder


def _read_manifest(reader: Reader, permissions: Permissions) -> ManifestRef | None:
    child = reader.child("manifest")
    if child is None:
        return None
    key, count = read_manifest_ref(child)
    if not child.has("key"):
        child.fault("key", "is missing")
    if key is None:
        return None
    _check_key(child, "key", key, permissions)
    return ManifestRef(S3Key(key), count)
