"""`Idempotency-Key`: a repeated request gets the job of the first one.

Pure, except that fresh ids are random.

The job's name is a hash of caller and key, so the store itself refuses a second job. An annotation of the job
holds a fingerprint of the request, which distinguishes a repetition from another request under the same key.
The key is remembered as long as the job exists (draft-ietf-httpapi-idempotency-key-header).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit.forms import ReceivedForm
from imagejobs_contract.codes import Code
from imagejobs_contract.model import names, source_headers
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey

HEADER = "Idempotency-Key"
ANNOTATION = f"{names.GROUP}/request"
"""Written and read by the API only."""

PATTERN = r'"[!#-~ ]{1,255}"|[!#-~]{1,255}'
"""A string in quotation marks (a structured field), as the draft demands, or without, as most clients send
it.
"""
_NAME_DIGITS = 32
"""Digits of SHA-256 in hexadecimal: 128 bits. With the letter before them no other job of the API has the
name.
"""


def read_key(header: str | None) -> str | None:
    """Return the key, or None without the header.

    Raises:
        Problem: The key is not 1 to 255 characters of printable ASCII.
    """
    if header is None:
        return None
    if not re.fullmatch(PATTERN, header, re.ASCII):
        raise Problem(Code.MALFORMED_REQUEST, f"{HEADER} is not 1 to 255 characters of printable ASCII.")
    return header.strip('"')


def choose_job_key(caller: Caller, header: str | None, class_name: str | None = None) -> tuple[JobKey, bool]:
    """Return the namespace and name of a request's job, and whether an earlier request may have made it.

    Args:
        header: `Idempotency-Key`; without it the job gets a fresh name.
        class_name: Of this API's jobs.

    Raises:
        Problem: As `read_key`.
    """
    key = read_key(header)
    return caller.job_key(job_name(caller, key, class_name) if key else names.new_job_id()), key is not None


def job_name(caller: Caller, key: str, class_name: str | None = None) -> str:
    """Return the name of the job that belongs to a caller's key.

    Neither a caller's name nor a key nor a class contains a line end, so that two never make the same text.
    With the class, two installations of which a caller has the same name do not meet in a namespace.
    """
    text = "\n".join((caller.name, key, *([class_name] if class_name else [])))
    return "k" + hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]


def fingerprint_form(path: str, received: ReceivedForm) -> str:
    """Return the hash of a form: of the call, the options, and the names and contents of the images."""
    images = [[source.name, source.url, source.digest] for source in received.sources]
    return fingerprint_json(path, [received.options, images])


def fingerprint_json(path: str, body: object) -> str:
    """Return the hash of a call with this JSON.

    It is encoded piece by piece, in Python: the encoder in C keeps the interpreter's lock for the whole body.
    """
    digest = hashlib.sha256()
    for piece in json.JSONEncoder(sort_keys=True).iterencode([path, body]):
        digest.update(piece.encode())
    return digest.hexdigest()


def fingerprint_job(path: str, body: Mapping[str, Any]) -> str:
    """Return the hash of the JSON of a job, without the values of headers for sources.

    Those may be secrets, which a hash in an annotation would let people guess at; and a token that was
    renewed meanwhile makes no other request.
    """
    items = body.get("items")
    if isinstance(items, list):
        body = {**body, "items": [_without_header_values(each) for each in items]}
    return fingerprint_json(path, body)


def _without_header_values(item: Any) -> Any:
    headers = item.get(source_headers.FIELD) if isinstance(item, Mapping) else None
    return {**item, source_headers.FIELD: sorted(headers)} if isinstance(headers, Mapping) else item


def with_fingerprint(job: ImageJob, fingerprint: str) -> ImageJob:
    """Return the job with its request's fingerprint."""
    return replace(job, annotations={**job.annotations, ANNOTATION: fingerprint})


def is_repetition(job: ImageJob, earlier: ImageJob) -> bool:
    """Return whether two jobs come from requests of the same content."""
    return job.annotations.get(ANNOTATION) == earlier.annotations.get(ANNOTATION)
