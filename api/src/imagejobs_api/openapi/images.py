"""The calls that take images in one request."""

from dataclasses import dataclass
from typing import Any

import falcon

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IDEMPOTENCY_KEY, PREFER
from imagejobs_api.openapi.new_job import variant_schema
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.options import DESCRIPTIONS, fields_of, list_of_variants, option_schemas
from imagejobs_api.openapi.parameters import links_with_id
from imagejobs_api.openapi.request_schema import Schema, require_exactly_one
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.presets.resource import PresetsBody
from imagejobs_api.settings import MAX_WAIT_SECONDS, Settings
from imagejobs_api.submit.build import SAMPLE_SECONDS, SAMPLE_SECONDS_KEPT
from imagejobs_api.submit.forms import (
    IMAGE_OF,
    VARIANTS,
    Form,
    batch_form,
    crop_form,
    resize_form,
    sample_form,
    url_form,
)
from imagejobs_api.view.image_bodies import BatchBody, ImageBody
from imagejobs_contract.codes import OF_AN_IMAGE, Code
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import URL_PATTERN
from imagejobs_contract.model.options import Gravity

TAG = "images"
MULTIPART = falcon.MEDIA_MULTIPART

_CODES = (
    Code.INVALID_OPTIONS,
    Code.MISSING_IMAGE,
    Code.CONFLICT,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.IDEMPOTENCY_MISMATCH,
    Code.QUEUE_FULL,
)
_REFUSAL_CODES = (Code.NOT_AN_IMAGE, Code.UNSUPPORTED_FORMAT, Code.FILE_TOO_LARGE)
_URL_SCHEMA: Schema = {
    "type": "string",
    "format": "uri",
    "maxLength": limits.MAX_URL_LENGTH,
    "pattern": f"^{URL_PATTERN}$",
}


@dataclass(frozen=True, slots=True)
class _Call:
    """The parts in which these calls differ."""

    name: str
    id: str
    summary: str
    description: str


_RESIZE = _Call(
    "resize",
    "resizeImage",
    "Resize one image",
    "Without options the image is only encoded again, and its metadata is removed.",
)
_CENTER = _Call(
    "center-crop",
    "centerCropImage",
    "Crop one image around its centre",
    "Scales the image to cover width and height, and cuts the rest off equally on both sides.",
)
_FACE = _Call(
    "face-crop",
    "faceCropImage",
    "Crop one image around its faces",
    "Like center-crop, with the faces in the middle. For an image without a face see `no_face`.",
)
_SAMPLE = _Call(
    "sample",
    "sampleImage",
    "See what options do to one image",
    "The same as a resize, in the same queue and by the same workers, but the job is for looking only: "
    f"`GET /api/jobs` leaves it out, it may take {SAMPLE_SECONDS} s, and {SAMPLE_SECONDS_KEPT} s after its "
    "end it is deleted with its results. Delete it earlier if you can: a caller has a bounded number of "
    "them (`MAX_CALLER_SAMPLES`), over which this call answers 429. To see other options, name the first "
    "sample in `image_of` instead of sending the file again; the file goes with the first sample.",
)
_BATCH = _Call(
    "batch",
    "resizeBatch",
    "Resize many images",
    "Entry n of the answer is the n-th file. A file that is refused has its error at once, and the others "
    "go on. If all files are refused, the request is refused. The field may also be called `images[]`.",
)
_URLS = _Call(
    "upload-from-url",
    "uploadFromUrl",
    "Resize images by URL",
    "`url` is answered like a resize, `urls` like a batch. A worker downloads the images, from public "
    "http(s) addresses only. The field `urls` may also be called `urls[]`.",
)


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    variant = variant_schema(components)
    options, known = option_schemas(settings, presets, variant), settings.limits
    one, crop, many = resize_form(known), crop_form(known, Gravity.CENTER), batch_form(known)
    shown = sample_form(known)
    resize = components.add("ResizeRequest", fields_of(one, options, {"image": _file(one)}))
    sample = components.add("SampleRequest", _sample_fields(shown, options))
    cut = components.add("CropRequest", fields_of(crop, options, {"image": _file(crop)}))
    batch = components.add("BatchRequest", fields_of(many, options, {"images": _files(many)}))
    urls = _url_bodies(url_form(known), options, list_of_variants(variant), components)
    single = [
        _operation(call, {MULTIPART: body}, _answers(settings, ImageBody))
        for call, body in ((_RESIZE, resize), (_CENTER, cut), (_FACE, cut))
    ]
    return [
        *single,
        _operation(
            _SAMPLE, {MULTIPART: sample}, _answers(settings, ImageBody), (*OF_AN_IMAGE, Code.NOT_FOUND)
        ),
        _operation(_BATCH, {MULTIPART: batch}, _answers(settings, BatchBody), _REFUSAL_CODES),
        _operation(_URLS, urls, _answers(settings, ImageBody | BatchBody)),
        _presets(),
    ]


def _sample_fields(form: Form, options: dict[str, Schema]) -> Schema:
    image_of: Schema = {
        "type": "string",
        "minLength": 1,
        "description": "In place of `image`: the id of an image of yours, whose file is used again. It is "
        "the id of a sample, of a job of one image, or that of one image of a batch.",
    }
    schema = fields_of(form, options, {"image": _file(form), IMAGE_OF: image_of})
    del schema["required"]
    return schema | require_exactly_one("image", IMAGE_OF)


def _presets() -> Operation:
    return Operation(
        "get",
        "/api/presets",
        "listPresets",
        TAG,
        "List the presets",
        "A preset is a set of variants that requests may name: as `preset` in a form, as `variants_from` in "
        "a job.",
        {200: Answer("All presets of this service.", {JSON: PresetsBody})},
        (Code.INVALID_OPTIONS,),
    )


def _operation(
    call: _Call, bodies: dict[str, Schema], answers: dict[int, Answer], codes: tuple[Code, ...] = OF_AN_IMAGE
) -> Operation:
    description = f"{call.description}\n\nOptions may also be in the query."
    return Operation(
        "post",
        f"/api/{call.name}",
        call.id,
        TAG,
        call.summary,
        description,
        answers,
        (*_CODES, *codes),
        (PREFER, IDEMPOTENCY_KEY),
        bodies,
    )


def _answers(settings: Settings, body: Any) -> dict[int, Answer]:
    places = {ImageBody: "/job_id", BatchBody: "/batch_job_id"}
    links = links_with_id(places[body]) if body in places else {}
    waits = f" The API waits {settings.default_wait_seconds} s by default; "
    waits += f"`Prefer` sets 0 to {MAX_WAIT_SECONDS} s."
    return {
        200: Answer(
            "All images have finished." + ("" if body is BatchBody else waits),
            {JSON: body},
            optional_headers=("Preference-Applied",),
            links=links,
        ),
        202: Answer(
            "The job is stored, and goes on.", {JSON: body}, ("Location",), ("Preference-Applied",), links
        ),
    }


def _file(form: Form) -> Schema:
    return {
        "type": "string",
        "format": "binary",
        "description": "JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP or HEIC, at most "
        f"{_size(form.max_file_bytes)}.",
    }


def _files(form: Form) -> Schema:
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": form.max_files,
        "items": _file(form),
        "description": f"The images, together at most {_size(form.max_bytes)}.",
    }


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count % 2**20 == 0 else f"{count} bytes"


def _url_bodies(
    form: Form, options: dict[str, Schema], variants: Schema, components: Components
) -> dict[str, Schema]:
    urls = {
        "type": "array",
        "minItems": 1,
        "maxItems": form.max_files,
        "items": _URL_SCHEMA,
        "description": "The images, as a batch.",
    }
    url = {**_URL_SCHEMA, "description": "The image."}
    in_json = options | {VARIANTS: variants | {"description": DESCRIPTIONS[VARIANTS]}}

    def one(options: dict[str, Schema]) -> Schema:
        return fields_of(form, options, {"url": url})

    def many(options: dict[str, Schema]) -> Schema:
        unnamed = {name: each for name, each in options.items() if name != "name"}
        return fields_of(form, unnamed, {"urls": urls})

    # Twice, because generated clients choose the media type by the class of the body.
    requests = [
        components.add("UrlRequest", one(in_json)),
        components.add("UrlBatchRequest", many(in_json)),
    ]
    forms = [components.add("UrlForm", one(options)), components.add("UrlBatchForm", many(options))]
    return {JSON: {"oneOf": requests}, falcon.MEDIA_URLENCODED: {"oneOf": forms}, MULTIPART: {"oneOf": forms}}
