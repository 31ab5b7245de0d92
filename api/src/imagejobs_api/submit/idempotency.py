"""`Idempotency-Key`: a request that is repeated gets the job of the first.

Makes values only, but for fresh ids.

The job's name is made of caller and key, so that the store itself refuses a second job; a fingerprint of the
request stands in the job's annotations and tells a repetition from another request under the same key. It
lasts as long as the job (draft-ietf-httpapi-idempotency-key-header).
"""

import hashlib
import json
import re
from dataclasses import replace

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit.forms import Received
from imagejobs_contract.codes import Code
from imagejobs_contract.model import names, output_names
from imagejobs_contract.model.imagejob import ImageJob

HEADER = "Idempotency-Key"
ANNOTATION = f"{names.GROUP}/request"
"""Written and read by the API only."""

PATTERN = r'"[!#-~ ]{1,255}"|[!#-~]{1,255}'
"""A structured field's string as the draft has it, or the same without quotation marks, as most clients send
it.
"""
_NAME_DIGITS = 32
"""Of SHA-256, in hexadecimal: 128 bits, and with a letter before them a name that no other job of the API
has.
"""


def read(header: str | None) -> str | None:
    """Return the key, or None if there is none.

    Raises:
        Problem: It has no characters, too many, or others than printable ASCII.
    """
    if header is None:
        return None
    if not re.fullmatch(PATTERN, header, re.ASCII):
        raise Problem(Code.MALFORMED_REQUEST, f"{HEADER} is not 1 to 255 characters of printable ASCII.")
    return header.strip('"')


def job_name(caller: Caller, key: str) -> str:
    """Return the name of the job that a caller's key stands for.

    A line end stands in no name and no key: the two cannot run together.
    """
    return "k" + hashlib.sha256(f"{caller.name}\n{key}".encode()).hexdigest()[:_NAME_DIGITS]


def fingerprint(path: str, received: Received) -> str:
    """Return what is the same for two requests that ask for the same: call, options, names and contents of the images."""
    images = [[source.name, source.url, source.digest] for source in received.sources]
    return fingerprint_of(path, [received.options, images])


def fingerprint_of(path: str, what: object) -> str:
    """Return what is the same for two calls with this JSON."""
    return hashlib.sha256(json.dumps([path, what], sort_keys=True).encode()).hexdigest()


def marked(job: ImageJob, request_print: str) -> ImageJob:
    """Return the job with the fingerprint of its request, and with a prefix of its own if the caller chose none.

    Its name comes back when the key is used again after the job was forgotten: the results of the first must
    not be overwritten then.
    """
    output = replace(
        job.spec.output, prefix=job.spec.output.prefix or output_names.default_prefix(names.new_job_id())
    )
    return replace(
        job, spec=replace(job.spec, output=output), annotations={**job.annotations, ANNOTATION: request_print}
    )


def is_repetition(job: ImageJob, earlier: ImageJob) -> bool:
    """Tell whether two jobs were made of the same request."""
    return job.annotations.get(ANNOTATION) == earlier.annotations.get(ANNOTATION)
