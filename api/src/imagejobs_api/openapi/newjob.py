"""`POST /api/jobs`: the general form of a job."""

from imagejobs_api.openapi.asked import Schema, asked, described, exactly_one
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IDEMPOTENCY_KEY, PREFER
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.options import MEANINGS
from imagejobs_api.settings import Settings
from imagejobs_api.submit import job_request
from imagejobs_api.view.job_body import JobSummaryBody
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits, output_names
from imagejobs_contract.model.items import read_item
from imagejobs_contract.model.options import NAMES, VARIANT_NAME, read_variant
from imagejobs_contract.model.spec import DeletionPolicy
from imagejobs_contract.model.spec_json import read_settings
from imagejobs_contract.reader import Reader

_TERMS = {
    "parallelism": "Pods that run at once.",
    "items_per_pod": "Images of one pod.",
    "max_failed_items": "Over so many failed images the job is `Failed`; without it any number may fail.",
    "active_deadline_seconds": "After so long the images that are left fail; without it the server's `JOB_SECONDS`.",
    "ttl_seconds_after_finished": "So long after its end the job is forgotten.",
    "execution": "`Pool`: warm workers. `Job`: pods of its own.",
    "suspend": "Begins only when `/api/jobs/{id}/resume` asks for it.",
    "queue_name": "Of Kueue, on Kubernetes.",
    "priority_class_name": f"Of pods; not the cluster's own (`{job_request.CLUSTER_CLASSES}...`).",
    "profile": "The size of pods.",
}
_ITEM = {
    "name": "The result's file name; without it the last part of key or URL.",
    "key": "In the bucket: one of your uploads, or under a prefix that is open to you.",
    "url": "An http(s) URL, which the worker fetches.",
}
_CODES = (
    Code.INVALID_OPTIONS, Code.CONFLICT, Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.IDEMPOTENCY_MISMATCH, Code.QUEUE_FULL,
    Code.STORAGE_ERROR,
)  # fmt: skip
_LATER = {name: {"id": "$response.body#/job_id"} for name in ("getProgress", "getJob", "listResults")}


def operation(settings: Settings, components: Components, tag: str) -> Operation:
    """Return the call."""
    answers = {
        200: Answer(
            "The job has ended, however it ended.",
            {JSON: JobSummaryBody},
            (),
            ("Preference-Applied",),
            _LATER,
        ),
        202: Answer(
            "The job is durable, and goes on.",
            {JSON: JobSummaryBody},
            ("Location",),
            ("Preference-Applied",),
            _LATER,
        ),
    }
    return Operation(
        "post", "/api/jobs", "createJob", tag, "Make a job of up to a million images",
        "One of `items`, `prefix` and `manifest` is given; each image becomes a result per variant.",
        answers, _CODES, (PREFER, IDEMPOTENCY_KEY), {JSON: _request(settings, components)},
    )  # fmt: skip


def _request(settings: Settings, components: Components) -> Schema:
    fields = {
        "items": {"type": "array", "minItems": 1, "items": _item(components), "description": "The images."},
        "prefix": {
            **_text(limits.MAX_KEY_LENGTH),
            "description": "A folder of the bucket: everything in it that is neither empty nor itself a folder.",
        },
        "manifest": {
            **_manifest(),
            "description": "JSON lines in the bucket, each like an element of `items`.",
        },
        "variants": {
            "type": "array",
            "maxItems": limits.MAX_VARIANTS,
            "items": _variant(components),
            "description": "The results of each image.",
        },
        "output": {**_output(), "description": "Where results go, and how they are stored."},
        **_terms(),
        "retry": {
            **_object({"attempts": {"type": "integer", "minimum": 1, "maximum": limits.MAX_ATTEMPTS}}),
            "description": "How often what can pass is tried for each image.",
        },
        "name": {**_text(200), "description": "What you call the job."},
    }
    if settings.callbacks_signed or settings.callers_secrets:
        url = {**_text(limits.MAX_URL_LENGTH), "format": "uri"}
        fields["callback"] = {"anyOf": [url, _object({"url": url})], "description": MEANINGS["callback"]}
    return components.put("JobRequest", {**_object(fields), **exactly_one(*job_request.CHOICES)})


def _terms() -> dict[str, Schema]:
    spelled = Reader({}, snake=True).spelled
    found = {spelled(name): schema for name, schema in asked(read_settings).items()}
    del found["active_deadline_seconds"]["default"]
    return described({name: found[name] for name in _TERMS}, _TERMS)


def _item(components: Components) -> Schema:
    fields = described(asked(read_item), _ITEM)
    return components.put(
        "NewItem", {"description": "An image, by key or URL.", **_object(fields), **exactly_one("key", "url")}
    )


def _variant(components: Components) -> Schema:
    options = asked(lambda reader: read_variant(reader, camel=False))
    told = {name: MEANINGS[name] for name in NAMES} | {
        "format": "The result's encoding; without it the source's own."
    }
    named = {
        "name": {
            "type": "string",
            "pattern": f"^({VARIANT_NAME})$",
            "description": "Ends the names of its results, and tells it from others.",
        }
    }
    return components.put(
        "NewVariant",
        {"description": "A result that is made of each image."}
        | _object(named | described({name: options[name] for name in NAMES}, told)),
    )


def _manifest() -> Schema:
    count = {"type": "integer", "minimum": 1, "maximum": limits.MAX_MANIFEST_ITEMS}
    return {**_object({"key": _text(limits.MAX_KEY_LENGTH), "count": count}), "required": ["key"]}


def _output() -> Schema:
    return _object(
        {
            "prefix": {**_text(limits.MAX_PREFIX_LENGTH), "pattern": f"^({output_names.PREFIX_PATTERN})$"},
            "cache_control": {**_text(200), "pattern": "^[ -~]+$"},
            "deletion_policy": {
                "type": "string",
                "enum": [each.value for each in DeletionPolicy],
                "default": DeletionPolicy.RETAIN.value,
            },
        }
    )


def _object(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _text(longest: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": longest}
