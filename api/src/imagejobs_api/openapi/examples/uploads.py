"""Examples of the calls by which clients send files to S3 themselves."""

from imagejobs_api.openapi.operation import Example

_PREFIX = "uploads/default.j1m8awg7mc31qp7g1kxt/"
_KEY = f"{_PREFIX}0/portrait.jpg"
_FILE = {
    "name": "portrait.jpg", "key": _KEY, "size": 86276, "url": f"http://127.0.0.1:8333/imagejobs/{_KEY}?X-Amz-Expires=3600&X-Amz-Signature=5d9e1f0a",
    "headers": {"Content-Type": "image/jpeg"}, "multipart": None,
}  # fmt: skip
_UPLOAD = {"prefix": _PREFIX, "expires": "2026-11-26T03:56:06Z", "use_until": "2026-11-27T02:56:06Z", "files": [_FILE]}

EXAMPLES = {
    "createUploads": (
        Example("photo", "A link for one photo", 200, _UPLOAD, fields={
            "files": [{"name": "portrait.jpg", "size": 86276, "content_type": "image/jpeg"}]
        }),
    ),
}  # fmt: skip
