"""manifests/crd.yaml says the same as Python: fields, enums, bounds, patterns and defaults."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Invalid
from imagejobs_contract.model import items, limits, names, options, output_names, spec_json
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import MAX_MESSAGE_LENGTH, ItemState, Outcome, OutputFile
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.spec import INTEGERS, DeletionPolicy, Execution, Profile, Spec
from imagejobs_contract.model.status import (
    Callback,
    CallbackState,
    Condition,
    ConditionType,
    Failure,
    Reason,
    State,
    Status,
)
from imagejobs_contract.model.status_json import status_body
from support.cluster.bad_specs import BAD_SPECS, GOOD

MANIFESTS = Path(__file__).parents[2] / "manifests"
CRD = yaml.safe_load((MANIFESTS / "crd.yaml").read_text())
VERSION = CRD["spec"]["versions"][0]
ROOT = VERSION["schema"]["openAPIV3Schema"]
SPEC = ROOT["properties"]["spec"]
STATUS = ROOT["properties"]["status"]
MUTABLE = {
    "parallelism",
    "retryFailed",
    "retryCodes",
    "suspend",
    "cancel",
    "ttlSecondsAfterFinished",
    "repeatCallback",
}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(path: str, schema: dict[str, Any] = SPEC) -> dict[str, Any]:
    """Return the schema of `variants[].fit` and the like."""
    for part in path.split("."):
        schema = schema["properties"][part.removesuffix("[]")]
        if part.endswith("[]"):
            schema = schema["items"]
    return schema


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


def test_group_version_and_names_are_pythons():
    spec = CRD["spec"]
    assert (spec["group"], VERSION["name"], spec["names"]["plural"], spec["names"]["kind"]) == (
        names.GROUP,
        names.VERSION,
        names.PLURAL,
        names.KIND,
    )
    assert CRD["metadata"]["name"] == f"{names.PLURAL}.{names.GROUP}"
    assert spec["names"]["shortNames"] == ["ij"]


def test_the_name_of_a_job_has_pythons_bounds():
    rule, *_ = ROOT["x-kubernetes-validations"]
    name = "self.metadata.name"
    bounds = f"size({name}) <= {names.MAX_NAME_LENGTH} && {name}.matches('^{names.NAME_PATTERN}$')"
    assert rule["rule"] == bounds


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("spec", spec_json.SPEC_FIELDS),
        ("spec.items[]", ("name", "key", "url")),
        ("spec.manifest", ("key", "count")),
        ("spec.variants[]", ("name", *options.NAMES.values())),
        ("spec.output", ("prefix", "cacheControl", "deletionPolicy")),
        ("spec.retry", ("attempts",)),
        ("spec.callback", ("url",)),
    ],
)
def test_fields_are_those_that_python_reads(path, fields):
    assert set(at(path, ROOT)["properties"]) == set(fields)


@pytest.mark.parametrize(
    ("path", "enum"),
    [
        ("spec.variants[].fit", options.Fit),
        ("spec.variants[].gravity", options.Gravity),
        ("spec.variants[].noFace", options.NoFace),
        ("spec.variants[].maxSizeBy", options.MaxSizeBy),
        ("spec.variants[].format", options.Format),
        ("spec.execution", Execution),
        ("spec.profile", Profile),
        ("spec.output.deletionPolicy", DeletionPolicy),
        ("status.state", State),
        ("status.callback.state", CallbackState),
        ("status.conditions[].type", ConditionType),
        ("status.outcomes[].state", ItemState),
        ("status.outcomes[].outputs[].format", options.Format),
    ],
)
def test_enums_are_pythons(path, enum):
    assert at(path, ROOT)["enum"] == [each.value for each in enum]


BOUNDS = {
    **{spelled: (low, high) for spelled, low, high in INTEGERS.values()},
    "manifest.count": (1, limits.MAX_MANIFEST_ITEMS),
    "retry.attempts": (1, limits.MAX_ATTEMPTS),
    "variants[].width": (1, limits.MAX_SIDE),
    "variants[].height": (1, limits.MAX_SIDE),
    "variants[].quality": (1, 100),
    "variants[].maxSize": (options.MIN_RESULT_BYTES, options.MAX_RESULT_BYTES),
    "variants[].frames": (1, limits.Limits().max_frames),
}


def test_whole_numbers_have_pythons_bounds():
    found = {
        path[1:]: (each["minimum"], each["maximum"])
        for path, each in schemas(SPEC)
        if each["type"] == "integer"
    }
    assert found == BOUNDS


TEXTS = {
    "items[].name": (limits.MAX_NAME_LENGTH, None),
    "items[].key": (limits.MAX_KEY_LENGTH, items.KEY_PATTERN),
    "items[].url": (limits.MAX_URL_LENGTH, items.URL_PATTERN),
    "manifest.key": (limits.MAX_KEY_LENGTH, items.KEY_PATTERN),
    "variants[].name": (32, options.VARIANT_NAME),
    "variants[].background": (7, options.BACKGROUND),
    "output.prefix": (512, output_names.PREFIX_PATTERN),
    "output.cacheControl": (200, "[ -~]+"),
    "className": (63, spec_json.DNS_LABEL),
    "queueName": (63, spec_json.DNS_LABEL),
    "priorityClassName": (253, spec_json.DNS_NAME),
    "retryCodes[]": (spec_json.MAX_CODE_LENGTH, spec_json.CODE_PATTERN),
    "callback.url": (limits.MAX_URL_LENGTH, items.URL_PATTERN),
}


def rule_pattern(schema):
    """Return the pattern of a text's first rule: a rule has a sentence, where `pattern` shows itself."""
    assert "pattern" not in schema
    rule, *_ = schema.get("x-kubernetes-validations", [None])
    if rule is None:
        return None
    assert rule["message"].startswith("must be ")
    return re.fullmatch(r'self\.matches\(r"(.*)"\)', rule["rule"])[1]


def test_texts_have_pythons_lengths_and_patterns():
    found = {
        path[1:]: (each["maxLength"], rule_pattern(each))
        for path, each in schemas(SPEC)
        if each["type"] == "string" and "enum" not in each
    }
    assert found == {
        path: (longest, pattern and f"^{pattern}$") for path, (longest, pattern) in TEXTS.items()
    }
    assert all(at(path)["minLength"] == 1 for path in TEXTS)


def test_lists_have_pythons_lengths():
    found = {path[1:]: each["maxItems"] for path, each in schemas(ROOT) if each["type"] == "array"}
    assert found == {
        "spec.items": limits.MAX_ITEMS,
        "spec.variants": limits.MAX_VARIANTS,
        "spec.retryCodes": spec_json.MAX_RETRY_CODES,
        "status.conditions": 12,
        "status.failures": limits.MAX_STATUS_FAILURES,
        "status.failureCodes": 48,
        "status.outcomes": limits.MAX_STATUS_OUTCOMES,
        "status.outcomes[].outputs": limits.MAX_VARIANTS,
    }
    assert len(ConditionType) <= 12
    assert len(Code) <= 48


def test_defaults_are_pythons():
    plain, variant = Spec(), options.Variant()
    expected = {
        **{spelled: getattr(plain, name) for name, (spelled, _, _) in INTEGERS.items()},
        **{f"variants[].{spelled}": getattr(variant, option) for option, spelled in options.NAMES.items()},
        "execution": plain.execution,
        "profile": plain.profile,
        "suspend": plain.suspend,
        "cancel": plain.cancel,
        "variants": [{"name": variant.name}],
        "variants[].name": variant.name,
        "output": {},
        "output.deletionPolicy": plain.output.deletion_policy,
        "retry": {},
        "retry.attempts": plain.attempts,
    }
    found = {path[1:]: each["default"] for path, each in schemas(SPEC) if "default" in each}
    assert found == {path: value for path, value in expected.items() if value is not None}


def test_all_but_the_mutable_fields_are_immutable():
    rules = {
        rule["fieldPath"].removeprefix("."): rule["rule"]
        for rule in SPEC["x-kubernetes-validations"]
        if rule["message"] == "cannot be changed"
    }
    assert set(rules) == set(spec_json.SPEC_FIELDS) - MUTABLE
    assert all(f"self.{name} == oldSelf.{name}" in rule for name, rule in rules.items())


def test_reserved_prefixes_are_pythons():
    rules = [each["rule"] for each in at("output.prefix")["x-kubernetes-validations"]]
    refusals = [rule for rule in rules if "startsWith" in rule]
    # Python reads jobs of earlier releases under outputs/, so only new ones are refused, by the API server.
    reserved = (*output_names.RESERVED_PREFIXES, output_names.OUTPUTS)
    assert refusals == [f'!(self + "/").startsWith("{each}")' for each in reserved]


def test_a_quality_can_be_given_up_in_pythons_lossy_formats():
    rule = next(
        each["rule"]
        for each in at("variants[]")["x-kubernetes-validations"]
        if each["fieldPath"] == ".maxSize"
    )
    assert set(re.findall('"([a-z]+)"', rule)) == {each.value for each in options.LOSSY}


FULL_STATUS = Status(
    observed_generation=3,
    state=State.PARTIALLY_SUCCEEDED,
    conditions=tuple(
        Condition(kind, True, reason, "m", NOON, 3)
        for kind, reason in zip(ConditionType, Reason, strict=False)
    ),
    counts=Counts(3, 0, 1, 2),
    estimated_remaining_seconds=0,
    failures=(Failure("b.jpg", "corrupt_image", "m"),),
    failure_codes=("corrupt_image",),
    results_key="jobs/u/results/",
    bytes_in=3,
    bytes_out=2,
    cpu_milliseconds=1500,
    attempt_receipt=Receipt(1, 2, 3, 4, 5),
    outcomes=(
        Outcome(
            0,
            "a.jpg",
            outputs=(
                OutputFile("default", "outputs/a/a.jpg", 4, 3, options.Format.JPEG, 2, kept_original=True),
            ),
            bytes_in=3,
            cpu_milliseconds=4,
        ),
        Outcome(1, "b.jpg", code=Code.CORRUPT_IMAGE, message="m"),
    ),
    job_name="a-1-1",
    shards=2,
    attempt=1,
    queued=NOON,
    started=NOON,
    completed=NOON,
    duration_seconds=0,
    callback=Callback(CallbackState.PENDING, 1, 2, 3, NOON, NOON),
)


def undeclared(schema: dict[str, Any], value: Any, path: str = "status") -> list[str]:
    """Return the paths of fields that the schema does not have and the API server would so drop."""
    if isinstance(value, dict):
        unknown = [f"{path}.{name}" for name in value if name not in schema["properties"]]
        known = [(name, each) for name, each in value.items() if name in schema["properties"]]
        return unknown + [
            found
            for name, each in known
            for found in undeclared(schema["properties"][name], each, f"{path}.{name}")
        ]
    if isinstance(value, list):
        return [found for each in value for found in undeclared(schema["items"], each, f"{path}[]")]
    return []


def test_every_field_of_a_status_that_python_writes_is_declared_and_the_other_way_round():
    body = status_body(FULL_STATUS)
    assert undeclared(STATUS, body) == []
    assert set(body) == set(STATUS["properties"])
    assert set(body["callback"]) == set(at("callback", STATUS)["properties"])
    assert undeclared(STATUS, {"state": "Failed", "surprise": 1}) == ["status.surprise"]


def test_messages_are_as_long_as_python_makes_them():
    assert (
        at("failures[].message", STATUS)["maxLength"]
        == at("outcomes[].message", STATUS)["maxLength"]
        == MAX_MESSAGE_LENGTH
    )
    assert all(re.fullmatch(at("conditions[].reason", STATUS)["pattern"], reason) for reason in Reason)
    assert max(map(len, Code)) <= at("failures[].code", STATUS)["maxLength"]


def test_every_field_is_described_in_a_sentence():
    plain = {".apiVersion", ".kind", ".metadata", ".status.failureCodes[]"}
    poor = [
        path
        for path, each in schemas(ROOT)
        if path not in plain
        and not re.search(r"^[A-Z0-9].+\.$", each.get("description", "").strip(), re.DOTALL)
    ]
    assert poor == []


def test_every_list_and_text_is_bounded():
    unbounded = [
        path
        for path, each in schemas(ROOT)
        if (each["type"] == "string" and not {"maxLength", "enum", "format"} & set(each))
        or (each["type"] == "array" and "maxItems" not in each)
    ]
    assert unbounded == [".apiVersion", ".kind"]


def test_the_definition_stays_far_below_what_kubectl_apply_can_take():
    assert len(json.dumps(CRD)) < 262_144 / 4


@pytest.mark.parametrize(("spec", "where"), BAD_SPECS.values(), ids=BAD_SPECS)
def test_python_refuses(spec, where):
    with pytest.raises(Invalid) as caught:
        ImageJob.from_body({"metadata": {"name": "a"}, "spec": spec})
    assert any(fault.where.startswith(where) for fault in caught.value.faults), caught.value.faults


def test_python_takes_the_plainest_spec():
    assert ImageJob.from_body({"metadata": {"name": "a"}, "spec": GOOD}).spec.total == 1


@pytest.mark.parametrize("path", sorted((MANIFESTS / "samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_samples_are_what_python_reads(path):
    job = ImageJob.from_body(yaml.safe_load(path.read_text()))
    assert job.key.name == path.stem
