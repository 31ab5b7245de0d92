"""What was asked for, as clients are told of it: the spec in the words of the options. Pure."""

from enum import StrEnum
from typing import Required, TypedDict, cast

from imagejobs_contract.model.items import item_body
from imagejobs_contract.model.options import NAMES, Fit, Format, Gravity, MaxSizeBy, NoFace, Variant
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Spec
from imagejobs_contract.wire.json_types import Count, Pixels


class ItemBody(TypedDict, total=False):
    """An image that was given, as its key in S3 or its URL."""

    name: str
    key: str
    url: str


class ManifestBody(TypedDict):
    """A file in S3 that names the images.

    Attributes:
        key: Its key.
        count: How many images it names.
    """

    key: str
    count: Count


class VariantBody(TypedDict, total=False):
    """One result that is made of each image: its name, and the options that are not at their defaults.

    Attributes:
        max_size: Largest result in bytes.
    """

    name: Required[str]
    width: Pixels
    height: Pixels
    fit: Fit
    gravity: Gravity
    no_face: NoFace
    enlarge: bool
    format: Format
    quality: Count
    max_size: Count
    max_size_by: MaxSizeBy
    background: str
    keep_metadata: bool
    frames: Count
    only_if_smaller: bool


class OutputBody(TypedDict):
    """Where the results go.

    Attributes:
        prefix: What their keys in S3 begin with, if that was chosen.
        cache_control: The header with which they are stored.
    """

    prefix: str | None
    cache_control: str | None
    deletion_policy: DeletionPolicy


class SpecBody(TypedDict):
    """What was asked for.

    Attributes:
        items: The images, unless a manifest names them.
        retry_failed: How often another attempt at the failed images was asked for.
        repeat_callback: How often the callback was asked to be sent again.
        suspend: The job is held back.
        cancel: The job is to end.
        active_deadline_seconds: How long the job may run.
        ttl_seconds_after_finished: How long its record is kept after its end.
    """

    items: list[ItemBody]
    manifest: ManifestBody | None
    variants: list[VariantBody]
    output: OutputBody
    execution: Execution
    retry_failed: Count
    repeat_callback: Count
    suspend: bool
    cancel: bool
    active_deadline_seconds: Count
    ttl_seconds_after_finished: Count


def spec_body(spec: Spec) -> SpecBody:
    """Return what was asked for."""
    output, manifest = spec.output, spec.manifest
    return {
        "items": [cast(ItemBody, item_body(each)) for each in spec.items],
        "manifest": {"key": manifest.key, "count": manifest.count} if manifest else None,
        "variants": [_variant(each) for each in spec.variants],
        "output": {
            "prefix": output.prefix,
            "cache_control": output.cache_control,
            "deletion_policy": output.deletion_policy,
        },
        "execution": spec.execution,
        "retry_failed": spec.retry_failed,
        "repeat_callback": spec.repeat_callback,
        "suspend": spec.suspend,
        "cancel": spec.cancel,
        "active_deadline_seconds": spec.active_deadline_seconds,
        "ttl_seconds_after_finished": spec.ttl_seconds_after_finished,
    }


def _variant(variant: Variant) -> VariantBody:
    plain = Variant()
    options = {option: getattr(variant, option) for option in NAMES}
    given = {option: value for option, value in options.items() if value != getattr(plain, option)}
    body = {"name": variant.name} | {
        option: value.value if isinstance(value, StrEnum) else value for option, value in given.items()
    }
    return cast(VariantBody, body)
