"""Every error code that a client can get: HTTP status, whether a repeat can help, a sentence for people.

The codes are stable: clients branch on them. Texts may change, codes may not.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """A machine-readable reason, of an image (first block) or of a request (second block)."""

    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    CORRUPT_IMAGE = "corrupt_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    FILE_TOO_LARGE = "file_too_large"
    MAX_SIZE_UNREACHABLE = "max_size_unreachable"
    NO_FACE_FOUND = "no_face_found"
    SOURCE_NOT_FOUND = "source_not_found"
    SOURCE_FORBIDDEN = "source_forbidden"
    SOURCE_TIMEOUT = "source_timeout"
    SOURCE_ERROR = "source_error"
    PROCESSING_TIMEOUT = "processing_timeout"
    QUEUE_TIMEOUT = "queue_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    STORAGE_ERROR = "storage_error"
    INTERNAL_ERROR = "internal_error"

    INVALID_OPTIONS = "invalid_options"
    MALFORMED_REQUEST = "malformed_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    MISSING_IMAGE = "missing_image"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    EXPIRED = "expired"
    LINK_EXPIRED = "link_expired"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    RATE_LIMITED = "rate_limited"
    QUEUE_FULL = "queue_full"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    REQUEST_TIMEOUT = "request_timeout"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


class Meaning(NamedTuple):
    """The meaning of a code for a client.

    Attributes:
        http_status: Of an answer to a request that ends with it.
        retryable: Whether the same request may succeed later.
        sentence: For people.
    """

    http_status: int
    retryable: bool
    sentence: str


_OF_AN_IMAGE: dict[Code, Meaning] = {
    Code.NOT_AN_IMAGE: Meaning(415, False, "The file is not an image."),
    Code.UNSUPPORTED_FORMAT: Meaning(415, False, "The image's format is not one that imagejobs reads."),
    Code.CORRUPT_IMAGE: Meaning(422, False, "The image is damaged or incomplete."),
    Code.TOO_MANY_PIXELS: Meaning(422, False, "The image has more pixels than is allowed."),
    Code.TOO_MANY_FRAMES: Meaning(422, False, "The animation has more frames than is allowed."),
    Code.FILE_TOO_LARGE: Meaning(413, False, "The file is larger than is allowed."),
    Code.MAX_SIZE_UNREACHABLE: Meaning(422, False, "The result cannot be made as small as max_size asks."),
    Code.NO_FACE_FOUND: Meaning(422, False, "No face was found in the image."),
    Code.SOURCE_NOT_FOUND: Meaning(422, False, "The source of the image does not exist."),
    Code.SOURCE_FORBIDDEN: Meaning(422, False, "The source of the image may not be read."),
    Code.SOURCE_TIMEOUT: Meaning(422, True, "The source of the image did not answer in time."),
    Code.SOURCE_ERROR: Meaning(422, True, "The source of the image could not be read."),
    Code.PROCESSING_TIMEOUT: Meaning(422, False, "The image took longer than is allowed."),
    Code.QUEUE_TIMEOUT: Meaning(
        503, True, "The image waited too long for a worker; nothing is wrong with it."
    ),
    Code.OUT_OF_MEMORY: Meaning(422, False, "The image needed more memory than is allowed."),
    Code.STORAGE_ERROR: Meaning(503, True, "The storage did not take or give the data."),
    Code.INTERNAL_ERROR: Meaning(500, True, "Something failed inside imagejobs."),
}
_OF_A_REQUEST: dict[Code, Meaning] = {
    Code.INVALID_OPTIONS: Meaning(400, False, "Some options are unknown, malformed or contradictory."),
    Code.MALFORMED_REQUEST: Meaning(400, False, "The request cannot be read."),
    Code.METHOD_NOT_ALLOWED: Meaning(405, False, "This address does not take that method."),
    Code.UNSUPPORTED_MEDIA_TYPE: Meaning(
        415, False, "The request's body has a type that this address does not take."
    ),
    Code.MISSING_IMAGE: Meaning(400, False, "The request holds no image."),
    Code.UNAUTHORIZED: Meaning(401, False, "A valid API key is needed."),
    Code.FORBIDDEN: Meaning(403, False, "This API key may not do that."),
    Code.NOT_FOUND: Meaning(404, False, "There is nothing under this id."),
    Code.CONFLICT: Meaning(409, True, "The job is not in a state that allows this."),
    Code.EXPIRED: Meaning(410, False, "The result was kept for a time and is gone."),
    Code.LINK_EXPIRED: Meaning(410, False, "The link was valid for a time, which is over."),
    Code.IDEMPOTENCY_MISMATCH: Meaning(422, False, "This Idempotency-Key was used with another request."),
    Code.RATE_LIMITED: Meaning(429, True, "Too many requests."),
    Code.QUEUE_FULL: Meaning(429, True, "Too many images are waiting."),
    Code.PAYLOAD_TOO_LARGE: Meaning(413, False, "The request is larger than is allowed."),
    Code.HEADERS_TOO_LARGE: Meaning(
        431, False, "The request's address and headers are larger than is allowed."
    ),
    Code.REQUEST_TIMEOUT: Meaning(408, True, "The request did not arrive in time."),
    Code.UNAVAILABLE: Meaning(503, True, "A part that imagejobs needs does not answer."),
    Code.MISCONFIGURED: Meaning(
        500, False, "The service, or a part that it needs, is set up wrongly: whoever runs it must mend that."
    ),
}
OF_AN_IMAGE, OF_A_REQUEST = tuple(_OF_AN_IMAGE), tuple(_OF_A_REQUEST)
MEANINGS = _OF_AN_IMAGE | _OF_A_REQUEST


def meaning(code: Code) -> Meaning:
    """Return the meaning of a code."""
    return MEANINGS[code]
