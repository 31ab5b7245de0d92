"""The calls by which clients upload files to S3 themselves."""

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.request_schema import Schema, add_descriptions, record_schemas
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_api.uploads.request import PART_UPLOAD_PATTERN, read_file
from imagejobs_api.uploads.resource import CompletedBody, UploadBody
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits
from imagejobs_contract.wire import manifests

TAG = "uploads"

_FILE = {
    "name": "The name of the file; its results are named after it.",
    "size": "The size of the file in bytes. S3 accepts exactly this size.",
    "content_type": "The type of the file. A list of images for `manifest` has the type "
    f"`{manifests.CONTENT_TYPE}`, and may be larger than an image.",
    "part_size": "Uploads the file in parts of this size in bytes, each by its own link.",
}
_CODES = (Code.INVALID_OPTIONS, Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.STORAGE_ERROR)


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    parts = _part_upload(components)
    return [
        Operation(
            "post",
            "/api/uploads",
            "createUploads",
            TAG,
            "Get links to upload files to S3",
            "The files do not pass through this API. Jobs name them by their keys.",
            {200: Answer("A link for each file or part.", {JSON: UploadBody})},
            _CODES,
            (),
            {JSON: _request(settings, components)},
        ),
        Operation(
            "post",
            "/api/uploads/complete",
            "completeUpload",
            TAG,
            "Complete a multipart upload",
            "Joins the parts into the file. May be repeated.",
            {200: Answer("The file is complete.", {JSON: CompletedBody})},
            (*_CODES, Code.NOT_FOUND, Code.CONFLICT),
            (),
            {JSON: parts},
        ),
        Operation(
            "post",
            "/api/uploads/abort",
            "abortUpload",
            TAG,
            "Abort a multipart upload",
            "Deletes the parts. May be repeated.",
            {204: Answer("The parts are deleted.")},
            (*_CODES, Code.NOT_FOUND),
            (),
            {JSON: parts},
        ),
    ]


def _request(settings: Settings, components: Components) -> Schema:
    recorded = record_schemas(lambda reader: read_file(reader, settings.limits))
    fields = add_descriptions(recorded, _FILE)
    file = components.add(
        "NewFile", {"description": "A file to upload.", **_object(fields), "required": ["size"]}
    )
    files = {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.MAX_UPLOAD_FILES,
        "items": file,
        "description": "The files.",
    }
    return components.add("UploadRequest", {**_object({"files": files}), "required": ["files"]})


def _part_upload(components: Components) -> Schema:
    fields: dict[str, Schema] = {
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": limits.MAX_KEY_LENGTH,
            "description": "The key of the file.",
        },
        "multipart_id": {
            "type": "string",
            "pattern": f"^({PART_UPLOAD_PATTERN})$",
            "description": "The `multipart_id` that came with the links.",
        },
    }
    return components.add("PartUploadRequest", {**_object(fields), "required": [*fields]})


def _object(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": fields, "additionalProperties": False}
