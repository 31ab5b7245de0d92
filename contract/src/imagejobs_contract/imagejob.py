"""The ImageJob: frozen values, read once at the edge with all faults at once, and written back.

Field names in bodies are the CRD's. `status` is read leniently: what an older or newer operator wrote must never stop a program.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from imagejobs_contract import layout, limits, names
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.items import KEY_PATTERN as KEY_PATTERN
from imagejobs_contract.items import URL_PATTERN as URL_PATTERN
from imagejobs_contract.items import Item as Item
from imagejobs_contract.items import item_body as item_body
from imagejobs_contract.items import read_item as read_item
from imagejobs_contract.names import JobKey
from imagejobs_contract.options import NAMES, VARIANT_NAME, Variant, read_variant, variant_body
from imagejobs_contract.reader import Reader
from imagejobs_contract.status import Status
from imagejobs_contract.times import parse_time, show_time


class Execution(StrEnum):
    """Where a job's images are worked on."""

    AUTO = "Auto"
    POOL = "Pool"
    JOB = "Job"


class Profile(StrEnum):
    """The size of a Job's pods; the chart says what each means."""

    SMALL = "Small"
    MEDIUM = "Medium"
    LARGE = "Large"


class DeletionPolicy(StrEnum):
    """What happens to the outputs when the ImageJob is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Items as JSON lines in S3 (`name`, and `key` or `url`), `count` of them."""

    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go, and how they are stored."""

    prefix: str | None = None
    cache_control: str | None = None
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN


@dataclass(frozen=True, slots=True)
class Spec:
    """What is asked for. Everything is immutable but what `MUTABLE` names."""

    items: tuple[Item, ...] = ()
    manifest: Manifest | None = None
    variants: tuple[Variant, ...] = (Variant(),)
    output: Output = field(default_factory=Output)
    execution: Execution = Execution.AUTO
    parallelism: int = 10
    items_per_pod: int = 200
    attempts: int = 3
    retry_failed: int = 0
    max_failed_items: int | None = None
    suspend: bool = False
    cancel: bool = False
    active_deadline_seconds: int = 3600
    ttl_seconds_after_finished: int = 86_400
    queue_name: str | None = None
    priority_class_name: str | None = None
    profile: Profile = Profile.SMALL
    callback_url: str | None = None
    repeat_callback: int = 0

    @property
    def total(self) -> int:
        """Return how many images there are."""
        return self.manifest.count if self.manifest else len(self.items)


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One ImageJob as it stands in a store.

    Attributes:
        uid: Unlike the name, never used twice; "" before creation.
        resource_version: Changes with every write; "" before creation.
        generation: Grows with every change of the spec.
        created: When the store took it.
        deleting: It waits for its finalizers.
    """

    key: JobKey
    spec: Spec
    uid: str = ""
    resource_version: str = ""
    generation: int = 1
    created: datetime | None = None
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    status: Status = field(default_factory=Status)

    @property
    def prefix(self) -> str:
        """Return the S3 prefix of the outputs."""
        return self.spec.output.prefix or layout.default_prefix(self.key.name)

    def item_name(self, index: int) -> str:
        """Return the name of an image, "" if it has none or stands in a manifest."""
        return self.spec.items[index].name if index < len(self.spec.items) else ""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "ImageJob":
        """Read a Kubernetes object, as a store has it.

        Fields that are not known are passed over. The API server keeps none that its CRD does not have, so they are a newer one's: an upgrade
        brings the CRD first, its defaults then stand in every object, and the programs that still run must neither refuse new jobs nor end old ones.

        Raises:
            Unreadable: With every fault of the spec, and all else that could be read.
        """
        meta = body.get("metadata") or {}
        reader = Reader(body, tolerant=True)
        spec_reader = reader.child("spec") or Reader({}, "spec", reader.faults)
        spec = read_spec(spec_reader)
        job = cls(
            key=JobKey(meta.get("namespace") or names.LOCAL_NAMESPACE, meta.get("name", "")),
            spec=spec,
            uid=meta.get("uid", ""),
            resource_version=str(meta.get("resourceVersion", "")),
            generation=int(meta.get("generation") or 1),
            created=parse_time(meta.get("creationTimestamp")),
            deleting=meta.get("deletionTimestamp") is not None,
            labels=dict(meta.get("labels") or {}),
            annotations=dict(meta.get("annotations") or {}),
            finalizers=tuple(meta.get("finalizers") or ()),
            status=Status.from_body(body.get("status")),
        )
        if reader.faults:
            raise Unreadable(reader.faults, replace(job, spec=Spec()))
        return job

    def to_body(self) -> dict[str, Any]:
        """Return the object as Kubernetes takes it; fields at their defaults are left out."""
        meta: dict[str, Any] = {"name": self.key.name, "namespace": self.key.namespace, "generation": self.generation}
        optional = {
            "uid": self.uid,
            "resourceVersion": self.resource_version,
            "creationTimestamp": show_time(self.created) if self.created else "",
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "finalizers": list(self.finalizers),
        }
        meta |= {name: value for name, value in optional.items() if value}
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": meta, "spec": spec_body(self.spec)}
        status = self.status.to_body()
        return body | {"status": status} if status else body


class Unreadable(Invalid):
    """Raised for a stored job whose spec makes no sense.

    Attributes:
        job: The job with an empty spec, so that its status can be written and it can be deleted.
    """

    def __init__(self, faults: Sequence[Fault], job: ImageJob) -> None:
        self.job = job
        super().__init__(faults)


SPEC_FIELDS = (
    "items", "manifest", "variants", "output", "execution", "parallelism", "itemsPerPod", "retry", "retryFailed",
    "maxFailedItems", "suspend", "cancel", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "queueName",
    "priorityClassName", "profile", "callback", "repeatCallback",
)  # fmt: skip
INTEGERS: dict[str, tuple[str, int, int]] = {
    "parallelism": ("parallelism", 1, 1000),
    "items_per_pod": ("itemsPerPod", 1, 5000),
    "retry_failed": ("retryFailed", 0, 1000),
    "max_failed_items": ("maxFailedItems", 0, limits.MAX_MANIFEST_ITEMS),
    "active_deadline_seconds": ("activeDeadlineSeconds", 1, 7 * 86_400),
    "ttl_seconds_after_finished": ("ttlSecondsAfterFinished", 0, 365 * 86_400),
    "repeat_callback": ("repeatCallback", 0, 1000),
}
"""Attribute -> field of the CRD, least, most."""
MUTABLE = ("parallelism", "suspend", "cancel", "retry_failed", "ttl_seconds_after_finished", "repeat_callback")
DNS_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DNS_NAME = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"


def read_spec(reader: Reader) -> Spec:
    """Read `spec`; faults go to the reader."""
    reader.unknown(SPEC_FIELDS)
    items = _items(reader)
    manifest = _manifest(reader)
    if bool(items) == (manifest is not None) and not reader.faults:
        reader.fault("items", "give either items or a manifest")
    return replace(read_terms(reader), items=items, manifest=manifest)


def read_terms(reader: Reader) -> Spec:
    """Read all of `spec` but its images; faults go to the reader."""
    plain = Spec()
    retry = reader.child("retry")
    callback = reader.child("callback")
    for child, known in ((retry, "attempts"), (callback, "url")):
        if child:
            child.unknown((known,))
    values = {name: reader.integer(spelled, low, high, getattr(plain, name)) for name, (spelled, low, high) in INTEGERS.items()}
    return Spec(
        variants=_variants(reader),
        output=_output(reader),
        execution=reader.choice("execution", Execution) or plain.execution,
        attempts=(retry.integer("attempts", 1, limits.MAX_ATTEMPTS) if retry else None) or plain.attempts,
        suspend=reader.boolean("suspend"),
        cancel=reader.boolean("cancel"),
        queue_name=reader.text("queueName", 63, None, DNS_LABEL, "a DNS label"),
        priority_class_name=reader.text("priorityClassName", 253, None, DNS_NAME, "a DNS name"),
        profile=reader.choice("profile", Profile) or plain.profile,
        callback_url=callback.text("url", limits.MAX_URL, None, URL_PATTERN, "an http(s) URL") if callback else None,
        **values,  # type: ignore[arg-type]
    )


def spec_body(spec: Spec) -> dict[str, Any]:
    """Return `spec` as Kubernetes takes it; fields at their defaults are left out."""
    plain = Spec()
    body: dict[str, Any] = {"variants": [variant_body(each) for each in spec.variants]}
    if spec.manifest:
        body["manifest"] = {"key": spec.manifest.key, "count": spec.manifest.count}
    else:
        body["items"] = [item_body(each) for each in spec.items]
    for name, (spelled, _, _) in INTEGERS.items():
        _set(body, spelled, getattr(spec, name), getattr(plain, name))
    _set(body, "output", _output_body(spec.output), {})
    _set(body, "execution", spec.execution.value, plain.execution.value)
    _set(body, "retry", {"attempts": spec.attempts}, {"attempts": plain.attempts})
    _set(body, "suspend", spec.suspend, False)
    _set(body, "cancel", spec.cancel, False)
    _set(body, "queueName", spec.queue_name, None)
    _set(body, "priorityClassName", spec.priority_class_name, None)
    _set(body, "profile", spec.profile.value, plain.profile.value)
    _set(body, "callback", {"url": spec.callback_url} if spec.callback_url else None, None)
    return body


def overwrites(item_names: Sequence[str]) -> list[Fault]:
    """Return a fault for each item whose result would have the key of an earlier one's."""
    first: dict[str, int] = {}
    faults = []
    for n, name in enumerate(item_names):
        stem = layout.safe_stem(name) or str(n)
        if stem in first:
            faults.append(Fault(f"spec.items[{n}].name", f"its result would overwrite that of items[{first[stem]}]"))
        first.setdefault(stem, n)
    return faults


def _set(body: dict[str, Any], name: str, value: object, default: object) -> None:
    if value != default:
        body[name] = value


def _items(reader: Reader) -> tuple[Item, ...]:
    items = tuple(read_item(each) for each in reader.children("items", limits.MAX_ITEMS))
    reader.faults.extend(overwrites([item.name for item in items]))
    return items


def _manifest(reader: Reader) -> Manifest | None:
    child = reader.child("manifest")
    if child is None:
        return None
    child.unknown(("key", "count"))
    key = child.text("key", limits.MAX_KEY, None, KEY_PATTERN, "an S3 key")
    count = child.integer("count", 1, limits.MAX_MANIFEST_ITEMS)
    for name, value in (("key", key), ("count", count)):
        if not child.has(name):
            child.fault(name, "is missing")
        elif value is None:
            return None
    return Manifest(key or "", count or 0)


def _variants(reader: Reader) -> tuple[Variant, ...]:
    plain = Spec().variants
    readers = reader.children("variants", limits.MAX_VARIANTS)
    variants = []
    for each in readers:
        each.unknown(("name", *NAMES.values()))
        name = each.text("name", 32, plain[0].name, VARIANT_NAME, "a DNS label") or plain[0].name
        variants.append(read_variant(each, camel=True, name=name))
    for n, variant in enumerate(variants):
        if variant.name in [other.name for other in variants[:n]]:
            readers[n].fault("name", f"{variant.name!r} stands there twice")
    return tuple(variants) or plain


def _output(reader: Reader) -> Output:
    child = reader.child("output")
    if child is None:
        return Output()
    child.unknown(("prefix", "cacheControl", "deletionPolicy"))
    prefix = child.text("prefix", limits.MAX_PREFIX, None, layout.PREFIX_PATTERN, "an S3 prefix such as sites/shop/")
    for reserved in (layout.UPLOADS, layout.JOBS):
        if prefix and f"{prefix}/".startswith(reserved):
            child.fault("prefix", f"{reserved} is kept for imagejobs itself")
    if prefix and any(part in (".", "..") for part in prefix.split("/")):
        child.fault("prefix", "holds a part that is . or ..")
    return Output(
        prefix=prefix,
        cache_control=child.text("cacheControl", 200, None, r"[ -~]+", "printable ASCII"),
        deletion_policy=child.choice("deletionPolicy", DeletionPolicy) or DeletionPolicy.RETAIN,
    )


def _output_body(output: Output) -> dict[str, str]:
    body: dict[str, str] = {}
    _set(body, "prefix", output.prefix, None)
    _set(body, "cacheControl", output.cache_control, None)
    _set(body, "deletionPolicy", output.deletion_policy.value, DeletionPolicy.RETAIN.value)
    return body


def immutable_changes(before: Spec, after: Spec) -> list[Fault]:
    """Return a fault for each field that may not change as it did (the CRD's rules, for the store that has no CRD)."""
    faults = [
        Fault(f"spec.{name}", "cannot be changed")
        for name in Spec.__dataclass_fields__
        if name not in MUTABLE and getattr(before, name) != getattr(after, name)
    ]
    if before.cancel and not after.cancel:
        faults.append(Fault("spec.cancel", "cannot be taken back"))
    for name in ("retry_failed", "repeat_callback"):
        if getattr(after, name) < getattr(before, name):
            faults.append(Fault(f"spec.{INTEGERS[name][0]}", "can only grow"))
    return faults


def named(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items with names that keep their results apart."""
    listed = list(items)
    distinct = layout.distinct([item.name for item in listed])
    return tuple(Item(name, item.key, item.url) for name, item in zip(distinct, listed, strict=True))
