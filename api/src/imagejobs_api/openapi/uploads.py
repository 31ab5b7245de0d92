"""The calls by which clients send files to S3 themselves."""

from imagejobs_api.openapi.asked import Schema, asked, described
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.settings import Settings
from imagejobs_api.uploads.request import PART_UPLOAD, read_file
from imagejobs_api.uploads.resource import CompletedBody, UploadBody
from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits
from imagejobs_contract.wire import manifests

TAG = "uploads"

_FILE = {
    "name": "The file's name; results are called after it.",
    "size": "Its bytes, of which neither more nor fewer can be sent.",
    "content_type": f"Its type; a list of images for `manifest` is `{manifests.CONTENT_TYPE}`, and may be larger.",
    "part_size": "Sends it in parts of so many bytes, each by a link of its own.",
}
_CODES = (Code.INVALID_OPTIONS, Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.STORAGE_ERROR)


def operations(settings: Settings, components: Components) -> list[Operation]:
    """Return the calls."""
    parts = _part_upload(components)
    return [
        Operation(
            "post", "/api/uploads", "createUploads", TAG, "Get links to send files to S3 by",
            "The files go past this API; jobs name them by their keys.", {200: Answer("A link for each file or part.", {JSON: UploadBody})}, _CODES,
            (), {JSON: _request(settings, components)},
        ),
        Operation(
            "post", "/api/uploads/complete", "completeUpload", TAG, "Put a file together that was sent in parts", "May be repeated.",
            {200: Answer("The file is there.", {JSON: CompletedBody})}, (*_CODES, Code.NOT_FOUND, Code.CONFLICT), (), {JSON: parts},
        ),
        Operation(
            "post", "/api/uploads/abort", "abortUpload", TAG, "Drop the parts of a file", "May be repeated.", {204: Answer("They are gone.")},
            (*_CODES, Code.NOT_FOUND), (), {JSON: parts},
        ),
    ]  # fmt: skip


def _request(settings: Settings, components: Components) -> Schema:
    fields = described(asked(lambda reader: read_file(reader, settings.limits)), _FILE)
    file = components.put(
        "NewFile", {"description": "A file that is to be sent.", **_object(fields), "required": ["size"]}
    )
    files = {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.MAX_UPLOAD_FILES,
        "items": file,
        "description": "The files.",
    }
    return components.put("UploadRequest", {**_object({"files": files}), "required": ["files"]})


def _part_upload(components: Components) -> Schema:
    fields: dict[str, Schema] = {
        "key": {
            "type": "string",
            "minLength": 1,
            "maxLength": limits.MAX_KEY_LENGTH,
            "description": "The file's.",
        },
        "multipart_id": {
            "type": "string",
            "pattern": f"^({PART_UPLOAD})$",
            "description": "As the links came with it.",
        },
    }
    return components.put("PartUploadRequest", {**_object(fields), "required": [*fields]})


def _object(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": fields, "additionalProperties": False}
