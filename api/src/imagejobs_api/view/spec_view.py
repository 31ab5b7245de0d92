"""A job's spec as a response body, in the words of the API's options. Pure."""

from enum import StrEnum
from typing import Required, TypedDict, cast

from imagejobs_contract.model.items import item_body
from imagejobs_contract.model.options import (
    NAMES,
    ChromaSubsampling,
    Fit,
    Format,
    Gravity,
    MaxSizeBy,
    NoFace,
    Variant,
)
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Spec
from imagejobs_contract.wire.json_types import Count, Pixels


class ItemBody(TypedDict, total=False):
    """A source image: its key in S3 or its URL."""

    name: str
    key: str
    url: str


class ManifestBody(TypedDict):
    """A file in S3 that lists the images.

    Attributes:
        key: Its key.
        count: Number of images in it.
    """

    key: str
    count: Count


class VariantBody(TypedDict, total=False):
    """One result of each image: its name, and the options that differ from their defaults.

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
    keep_copyright: bool
    frames: Count
    only_if_smaller: bool
    smallest_format: bool
    lossless: bool
    chroma_subsampling: ChromaSubsampling
    placeholder: bool


class OutputBody(TypedDict):
    """Where results are stored.

    Attributes:
        prefix: The beginning of their keys in S3, if the caller chose one.
        cache_control: The `Cache-Control` with which they are stored.
    """

    prefix: str | None
    cache_control: str | None
    deletion_policy: DeletionPolicy


class SpecBody(TypedDict):
    """The request that made the job, and the commands since.

    Attributes:
        items: The images, unless a manifest lists them.
        retry_failed: Attempts at the failed images that were requested.
        retry_codes: Which of them the last one worked on, by their codes; none for all.
        repeat_callback: Times the callback was requested again.
        suspend: The job is suspended.
        cancel: The job is cancelled.
        active_deadline_seconds: Seconds that the job may run.
        ttl_seconds_after_finished: Seconds that its record is kept after its end.
    """

    items: list[ItemBody]
    manifest: ManifestBody | None
    variants: list[VariantBody]
    output: OutputBody
    execution: Execution
    retry_failed: Count
    retry_codes: list[str]
    repeat_callback: Count
    suspend: bool
    cancel: bool
    active_deadline_seconds: Count
    ttl_seconds_after_finished: Count


def spec_body(spec: Spec) -> SpecBody:
    """Return a spec as a response body."""
    output, manifest = spec.output, spec.manifest
    return {
        "items": [cast(ItemBody, item_body(each)) for each in spec.items],
        "manifest": {"key": manifest.key, "count": manifest.count} if manifest else None,
        "variants": [variant_body(each) for each in spec.variants],
        "output": {
            "prefix": output.prefix,
            "cache_control": output.cache_control,
            "deletion_policy": output.deletion_policy,
        },
        "execution": spec.execution,
        "retry_failed": spec.retry_failed,
        "retry_codes": list(spec.retry_codes),
        "repeat_callback": spec.repeat_callback,
        "suspend": spec.suspend,
        "cancel": spec.cancel,
        "active_deadline_seconds": spec.active_deadline_seconds,
        "ttl_seconds_after_finished": spec.ttl_seconds_after_finished,
    }


def variant_body(variant: Variant) -> VariantBody:
    """Return a variant: its name, and its options that are not defaults."""
    plain = Variant()
    options = {option: getattr(variant, option) for option in NAMES}
    given = {option: value for option, value in options.items() if value != getattr(plain, option)}
    body = {"name": variant.name} | {
        option: value.value if isinstance(value, StrEnum) else value for option, value in given.items()
    }
    return cast(VariantBody, body)
