"""`spec` as the CRD has it: read once at the edge, with all faults together, and written back."""

from dataclasses import replace
from typing import Any

from imagejobs_contract.model import limits
from imagejobs_contract.model.items import KEY_PATTERN, URL_PATTERN, Item, item_body, read_item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import (
    MAX_VARIANT_NAME_LENGTH,
    NAME_HINTS,
    NAMES,
    VARIANT_NAME,
    Variant,
    read_variant,
    variant_body,
)
from imagejobs_contract.model.output_names import PREFIX_PATTERN, RESERVED_PREFIXES
from imagejobs_contract.model.spec import (
    INTEGERS,
    DeletionPolicy,
    Execution,
    Manifest,
    Output,
    Profile,
    Spec,
    output_collisions,
)
from imagejobs_contract.reader import Reader

SPEC_FIELDS = (
    "items", "manifest", "variants", "output", "execution", "parallelism", "itemsPerPod", "retry",
    "retryFailed", "retryCodes", "maxFailedItems", "suspend", "cancel", "activeDeadlineSeconds",
    "ttlSecondsAfterFinished", "className", "queueName", "priorityClassName", "profile", "callback",
    "repeatCallback",
)  # fmt: skip
DNS_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DNS_NAME = "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?"
MAX_RETRY_CODES, MAX_CODE_LENGTH, CODE_PATTERN = 32, 63, "[a-z]([_a-z]{0,61}[a-z])?"
DEFAULTS = Spec()
"""Values of fields that are not given."""


def read_spec(reader: Reader) -> Spec:
    """Read `spec`; faults go to the reader."""
    reader.unknown(SPEC_FIELDS)
    items = _items(reader)
    manifest = _manifest(reader)
    if bool(items) == (manifest is not None) and not reader.faults:
        reader.fault("items", "give either items or a manifest")
    return replace(read_settings(reader), items=items, manifest=manifest)


def read_settings(reader: Reader) -> Spec:
    """Read all of `spec` but its images; faults go to the reader."""
    retry = reader.child("retry")
    callback = reader.child("callback")
    for child, known in ((retry, "attempts"), (callback, "url")):
        if child:
            child.unknown((known,))
    values = {
        name: reader.integer(spelled, low, high, getattr(DEFAULTS, name))
        for name, (spelled, low, high) in INTEGERS.items()
    }
    return Spec(
        variants=read_variant_list(reader) or DEFAULTS.variants,
        output=_output(reader),
        execution=reader.choice("execution", Execution) or DEFAULTS.execution,
        attempts=(retry.integer("attempts", 1, limits.MAX_ATTEMPTS) if retry else None) or DEFAULTS.attempts,
        retry_codes=reader.texts(
            "retryCodes", MAX_RETRY_CODES, MAX_CODE_LENGTH, CODE_PATTERN, "a code such as source_timeout"
        ),
        suspend=reader.boolean("suspend"),
        cancel=reader.boolean("cancel"),
        class_name=reader.text("className", 63, pattern=DNS_LABEL, shape="a DNS label"),
        queue_name=reader.text("queueName", 63, pattern=DNS_LABEL, shape="a DNS label"),
        priority_class_name=reader.text("priorityClassName", 253, pattern=DNS_NAME, shape="a DNS name"),
        profile=reader.choice("profile", Profile) or DEFAULTS.profile,
        callback_url=callback.text("url", limits.MAX_URL_LENGTH, pattern=URL_PATTERN, shape="an http(s) URL")
        if callback
        else None,
        **values,  # type: ignore[arg-type]
    )


def spec_body(spec: Spec) -> dict[str, Any]:
    """Return `spec` as Kubernetes takes it; fields at their defaults are left out."""
    body: dict[str, Any] = {"variants": [variant_body(each) for each in spec.variants]}
    if spec.manifest:
        body["manifest"] = {"key": spec.manifest.key, "count": spec.manifest.count}
    else:
        body["items"] = [item_body(each) for each in spec.items]
    for name, (spelled, _, _) in INTEGERS.items():
        _set(body, spelled, getattr(spec, name), getattr(DEFAULTS, name))
    _set(body, "output", _output_body(spec.output), {})
    _set(body, "execution", spec.execution.value, DEFAULTS.execution.value)
    _set(body, "retry", {"attempts": spec.attempts}, {"attempts": DEFAULTS.attempts})
    _set(body, "retryCodes", list(spec.retry_codes), [])
    _set(body, "suspend", spec.suspend, False)
    _set(body, "cancel", spec.cancel, False)
    _set(body, "className", spec.class_name, None)
    _set(body, "queueName", spec.queue_name, None)
    _set(body, "priorityClassName", spec.priority_class_name, None)
    _set(body, "profile", spec.profile.value, DEFAULTS.profile.value)
    _set(body, "callback", {"url": spec.callback_url} if spec.callback_url else None, None)
    return body


def read_manifest_ref(reader: Reader) -> tuple[str | None, int | None]:
    """Read key and count of `manifest`, as far as they are given; faults go to the reader."""
    reader.unknown(("key", "count"))
    key = reader.text("key", limits.MAX_KEY_LENGTH, pattern=KEY_PATTERN, shape="an S3 key")
    return key, reader.integer("count", 1, limits.MAX_MANIFEST_ITEMS)


def read_variant_list(reader: Reader) -> tuple[Variant, ...]:
    """Read the list `variants`, each with a name of its own; faults go to the reader."""
    readers = reader.children("variants", limits.MAX_VARIANTS)
    variants = []
    for each in readers:
        each.unknown(("name", *NAMES.values()), NAME_HINTS)
        name = (
            each.text(
                "name",
                MAX_VARIANT_NAME_LENGTH,
                default=DEFAULTS.variants[0].name,
                pattern=VARIANT_NAME,
                shape="a DNS label",
            )
            or DEFAULTS.variants[0].name
        )
        variants.append(read_variant(each, camel=True, name=name))
    for n, variant in enumerate(variants):
        if variant.name in [other.name for other in variants[:n]]:
            readers[n].fault("name", f"{variant.name!r} stands there twice")
    return tuple(variants)


def _set(body: dict[str, Any], name: str, value: object, default: object) -> None:
    if value != default:
        body[name] = value


def _items(reader: Reader) -> tuple[Item, ...]:
    items = tuple(read_item(each) for each in reader.children("items", limits.MAX_ITEMS))
    reader.faults.extend(output_collisions([item.name for item in items]))
    return items


def _manifest(reader: Reader) -> Manifest | None:
    child = reader.child("manifest")
    if child is None:
        return None
    key, count = read_manifest_ref(child)
    for name, value in (("key", key), ("count", count)):
        if not child.has(name):
            child.fault(name, "is missing")
        elif value is None:
            return None
    return Manifest(S3Key(key or ""), count or 0)


def _output(reader: Reader) -> Output:
    child = reader.child("output")
    if child is None:
        return Output()
    child.unknown(("prefix", "cacheControl", "deletionPolicy"))
    prefix = child.text(
        "prefix", limits.MAX_PREFIX_LENGTH, pattern=PREFIX_PATTERN, shape="an S3 prefix such as sites/shop/"
    )
    for reserved in RESERVED_PREFIXES:
        if prefix and f"{prefix}/".startswith(reserved):
            child.fault("prefix", f"{reserved} is kept for imagejobs itself")
    if prefix and any(part in (".", "..") for part in prefix.split("/")):
        child.fault("prefix", "holds a part that is . or ..")
    return Output(
        prefix=prefix,
        cache_control=child.text("cacheControl", 200, pattern=r"[ -~]+", shape="printable ASCII"),
        deletion_policy=child.choice("deletionPolicy", DeletionPolicy) or DeletionPolicy.RETAIN,
    )


def _output_body(output: Output) -> dict[str, str]:
    body: dict[str, str] = {}
    _set(body, "prefix", output.prefix, None)
    _set(body, "cacheControl", output.cache_control, None)
    _set(body, "deletionPolicy", output.deletion_policy.value, DeletionPolicy.RETAIN.value)
    return body
