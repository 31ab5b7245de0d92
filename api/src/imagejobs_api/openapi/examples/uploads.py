"""Examples of the calls by which clients upload files to S3 themselves."""

from imagejobs_api.openapi.examples.names import problem
from imagejobs_api.openapi.operation import Example
from imagejobs_contract.model.limits import MIN_PART_BYTES

_PREFIX = "uploads/default.j1m8awg7mc31qp7g1kxt/"
_KEY = f"{_PREFIX}0/portrait.jpg"
SENT = {"key": f"{_PREFIX}1/panorama.jpg", "multipart_id": "2-6e1b7c40d2f94a5c8a0b3d1e9f7c5a21"}
"""A multipart upload of two parts, which were both uploaded."""
UNSENT = {"key": f"{_PREFIX}2/panorama.jpg", "multipart_id": "2-0d9c2b7a51e846f3b4c8a6f0e2d1b973"}
"""A multipart upload without any part yet."""
PANORAMA_BYTES = 6 * 2**20


def _signed(key: str, query: str = "") -> str:
    return f"http://127.0.0.1:8333/imagejobs/{key}?{query}X-Amz-Expires=3600&X-Amz-Signature=5d9e1f0a"


def _part(number: int, size: int) -> dict[str, object]:
    _, _, upload = SENT["multipart_id"].partition("-")
    return {
        "number": number,
        "size": size,
        "url": _signed(SENT["key"], f"partNumber={number}&uploadId={upload}&"),
    }


def _upload(file: dict[str, object]) -> dict[str, object]:
    return {
        "prefix": _PREFIX,
        "expires": "2026-11-26T03:56:06Z",
        "use_until": "2026-11-27T02:56:06Z",
        "files": [file],
    }


_PHOTO = {
    "name": "portrait.jpg", "key": _KEY, "size": 86276, "url": _signed(_KEY),
    "headers": {"Content-Type": "image/jpeg"}, "multipart": None,
}  # fmt: skip
_PANORAMA = {
    "name": "panorama.jpg", "key": SENT["key"], "size": PANORAMA_BYTES, "url": None, "headers": {},
    "multipart": {
        "multipart_id": SENT["multipart_id"], "part_size": MIN_PART_BYTES,
        "parts": [_part(1, MIN_PART_BYTES), _part(2, PANORAMA_BYTES - MIN_PART_BYTES)],
    },
}  # fmt: skip

EXAMPLES = {
    "createUploads": (
        Example("photo", "A link for one photo", 200, _upload(_PHOTO), fields={
            "files": [{"name": "portrait.jpg", "size": 86276, "content_type": "image/jpeg"}]
        }),
        Example("parts", "A large file in two parts", 200, _upload(_PANORAMA), fields={
            "files": [{"name": "panorama.jpg", "size": PANORAMA_BYTES, "part_size": MIN_PART_BYTES}]
        }),
    ),
    "completeUpload": (
        Example("whole", "All parts are uploaded", 200, {"key": SENT["key"], "size": PANORAMA_BYTES},
            fields=SENT),
        Example("early", "A part is missing", 409, problem(
            "conflict", 409, "The job is not in a state that allows this.",
            "part 1 of 2 is not there; send it, then complete.", retryable=True
        ), fields=UNSENT),
    ),
    "abortUpload": (Example("dropped", "An upload that is not needed any more", 204, fields=UNSENT),),
}  # fmt: skip
