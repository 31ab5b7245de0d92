"""The call `POST /api/jobs`, which makes any job."""

from functools import partial

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IDEMPOTENCY_KEY, PREFER
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.options import DESCRIPTIONS, preset_names
from imagejobs_api.openapi.request_schema import Schema, add_descriptions, record_schemas, require_exactly_one
from imagejobs_api.presets.presets_file import Presets
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

_SETTINGS = {
    "parallelism": "The number of pods that run at the same time.",
    "items_per_pod": "The number of images for each pod.",
    "max_failed_items": "The job is `Failed` if more images than this fail. Without it any number may fail.",
    "active_deadline_seconds": "The images that are unfinished after this time fail. The default is the "
    "server's `JOB_SECONDS`.",
    "ttl_seconds_after_finished": "The time after its end at which the job's record is deleted.",
    "execution": "`Pool`: by workers that are running already. `Job`: in pods of its own.",
    "suspend": "The job starts only after `/api/jobs/{id}/resume`.",
    "queue_name": "The queue of Kueue, on Kubernetes.",
    "priority_class_name": "The priority class of the pods; not one of the cluster's own "
    f"(`{limits.CLUSTER_CLASS_PREFIX}...`).",
    "profile": "The size of the pods, by the name of a profile.",
}
_ITEM = {
    "name": "The file name of the result. The default is the last part of key or URL.",
    "key": "The key of an object in the bucket: one of your uploads, or below a prefix that you may read.",
    "url": "An http(s) URL, from which a worker downloads the image.",
    "headers": "Headers for the request to the host of `url`, such as `Authorization`; they are not sent on "
    "to other hosts, and no answer shows them. The job then runs in pods of its own.",
}
_CODES = (
    Code.INVALID_OPTIONS,
    Code.CONFLICT,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.IDEMPOTENCY_MISMATCH,
    Code.QUEUE_FULL,
    Code.STORAGE_ERROR,
)
_LINKS = {name: {"id": "$response.body#/job_id"} for name in ("getProgress", "getJob", "listResults")}


def operation(settings: Settings, presets: Presets, components: Components, tag: str) -> Operation:
    """Return the call."""
    answers = {
        200: Answer(
            "The job has ended, successfully or not.",
            {JSON: JobSummaryBody},
            (),
            ("Preference-Applied",),
            _LINKS,
        ),
        202: Answer(
            "The job is stored, and goes on.",
            {JSON: JobSummaryBody},
            ("Location",),
            ("Preference-Applied",),
            _LINKS,
        ),
    }
    return Operation(
        "post",
        "/api/jobs",
        "createJob",
        tag,
        "Make a job of up to a million images",
        "Give exactly one of `items`, `prefix` and `manifest`. Each image gets one result for each variant.",
        answers,
        _CODES,
        (PREFER, IDEMPOTENCY_KEY),
        {JSON: _request(settings, presets, components)},
    )


def _request(settings: Settings, presets: Presets, components: Components) -> Schema:
    fields = {
        "items": {"type": "array", "minItems": 1, "items": _item(components), "description": "The images."},
        "prefix": {
            **_text(limits.MAX_KEY_LENGTH),
            "description": "A folder of the bucket: all objects below it, except empty ones and folders.",
        },
        "manifest": {
            **_manifest(),
            "description": "A file of JSON lines in the bucket; each line is like an element of `items`.",
        },
        "variants": {
            "type": "array",
            "maxItems": limits.MAX_VARIANTS,
            "items": variant_schema(components),
            "description": "The results of each image.",
        },
        "output": {**_output(), "description": "Where and how results are stored."},
        **_settings_fields(),
        "retry": {
            **_object({"attempts": {"type": "integer", "minimum": 1, "maximum": limits.MAX_ATTEMPTS}}),
            "description": "The most tries for an image; only temporary errors are tried again.",
        },
        "name": {**_text(200), "description": "Your own name for the job."},
    }
    if presets.by_name:
        fields[job_request.VARIANTS_FROM] = {
            **preset_names(presets),
            "description": "A set of variants by its name, of those that `GET /api/presets` lists, in place "
            "of `variants`. The job gets them as they are now.",
        }
    if settings.callbacks_signed or settings.callers_secrets:
        url = {**_text(limits.MAX_URL_LENGTH), "format": "uri"}
        fields["callback"] = {"anyOf": [url, _object({"url": url})], "description": DESCRIPTIONS["callback"]}
    return components.add("JobRequest", {**_object(fields), **require_exactly_one(*job_request.IMAGE_FIELDS)})


def _settings_fields() -> dict[str, Schema]:
    spelled = Reader({}, snake=True).spelled
    found = {spelled(name): schema for name, schema in record_schemas(read_settings).items()}
    del found["active_deadline_seconds"]["default"]
    return add_descriptions({name: found[name] for name in _SETTINGS}, _SETTINGS)


def _item(components: Components) -> Schema:
    fields = add_descriptions(record_schemas(partial(read_item, with_headers=True)), _ITEM)
    return components.add(
        "NewItem",
        {"description": "An image, by key or URL.", **_object(fields), **require_exactly_one("key", "url")},
    )


def variant_schema(components: Components) -> Schema:
    """Return the schema of a variant as requests have it."""
    options = record_schemas(lambda reader: read_variant(reader, camel=False))
    descriptions = {name: DESCRIPTIONS[name] for name in NAMES} | {
        "format": "The encoding of the result. The default is that of the source."
    }
    named = {
        "name": {
            "type": "string",
            "pattern": f"^({VARIANT_NAME})$",
            "description": "Ends the file names of its results; each variant has another one.",
        }
    }
    return components.add(
        "NewVariant",
        {"description": "One result of each image."}
        | _object(named | add_descriptions({name: options[name] for name in NAMES}, descriptions)),
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
