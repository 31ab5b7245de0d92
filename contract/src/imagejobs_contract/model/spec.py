"""The spec of an ImageJob: frozen values, and the rules between them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from imagejobs_contract.errors import Fault
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.output_names import make_distinct, safe_stem

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
MUTABLE = (
    "parallelism",
    "suspend",
    "cancel",
    "retry_failed",
    "retry_codes",
    "ttl_seconds_after_finished",
    "repeat_callback",
)


class Execution(StrEnum):
    """Where a job's images are worked on."""

    AUTO = "Auto"
    POOL = "Pool"
    JOB = "Job"


class Profile(StrEnum):
    """The size of a Job's pods; the chart defines each."""

    SMALL = "Small"
    MEDIUM = "Medium"
    LARGE = "Large"


class DeletionPolicy(StrEnum):
    """Whether the outputs are deleted together with the ImageJob."""

    RETAIN = "Retain"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Items as JSON lines in S3 (`name`, and `key` or `url`), `count` of them."""

    key: S3Key
    count: int


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go, and how they are stored."""

    prefix: str | None = None
    cache_control: str | None = None
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN


@dataclass(frozen=True, slots=True)
class Spec:
    """All fields of `.spec`. They are immutable but for those in `MUTABLE`.

    Attributes:
        class_name: The class of operators of which one runs the job; None leaves it to those without a class.
        retry_codes: Which failed images `retry_failed` runs again, by the codes of their errors; () is all.
    """

    items: tuple[Item, ...] = ()
    manifest: Manifest | None = None
    variants: tuple[Variant, ...] = (Variant(),)
    output: Output = field(default_factory=Output)
    execution: Execution = Execution.AUTO
    parallelism: int = 10
    items_per_pod: int = 200
    attempts: int = 3
    retry_failed: int = 0
    retry_codes: tuple[str, ...] = ()
    max_failed_items: int | None = None
    suspend: bool = False
    cancel: bool = False
    active_deadline_seconds: int = 3600
    ttl_seconds_after_finished: int = 86_400
    class_name: str | None = None
    queue_name: str | None = None
    priority_class_name: str | None = None
    profile: Profile = Profile.SMALL
    callback_url: str | None = None
    repeat_callback: int = 0

    @property
    def total(self) -> int:
        """Return how many images there are."""
        return self.manifest.count if self.manifest else len(self.items)


def output_collisions(item_names: Sequence[str]) -> list[Fault]:
    """Return a fault for each item whose result would have the key of an earlier one's."""
    first: dict[str, int] = {}
    faults = []
    for n, name in enumerate(item_names):
        stem = safe_stem(name) or str(n)
        if stem in first:
            faults.append(
                Fault(f"spec.items[{n}].name", f"its result would overwrite that of items[{first[stem]}]")
            )
        first.setdefault(stem, n)
    return faults


def immutable_changes(before: Spec, after: Spec) -> list[Fault]:
    """Return a fault for each immutable field that changed.

    These are the CRD's rules, for the store that has no CRD.
    """
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


def with_distinct_names(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items with names that keep their results apart."""
    listed = list(items)
    distinct = make_distinct([item.name for item in listed])
    return tuple(
        Item(name, item.key, item.url, item.headers) for name, item in zip(distinct, listed, strict=True)
    )
