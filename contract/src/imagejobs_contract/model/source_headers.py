"""The headers that a caller gives for the request of an image's URL: which there may be, and how long. Pure.

They may be secrets. So they stand in manifests only, which lie in the bucket: neither an ImageJob nor a task
has a place for them, and no fault repeats a value.
"""

import re

from imagejobs_contract.reader import Reader

Headers = tuple[tuple[str, str], ...]
"""Names as the caller spelled them, and values."""
FIELD = "headers"
MAX_HEADERS = 16
MAX_VALUE_LENGTH = 2048
MAX_TOTAL_LENGTH = 4096
"""Characters of all names and values of an image: many servers take 8 kB of headers in all."""
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}"
_VALUE = r"[!-~]([ -~]*[!-~])?"
_REFUSED = re.compile(
    # Of the connection and the framing of messages (RFC 9110, section 7.6.1), which are the worker's.
    r"connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|expect|content-.*|proxy-.*"
    # They ask for a part of the file, for none, or for another encoding than the worker reads.
    r"|range|if-.*|accept-encoding"
    # Metadata services of clouds take these as the sign that no stranger chose the URL.
    r"|metadata.*|x-google-metadata.*|x-aws-ec2-metadata.*"
)


def read_headers(reader: Reader) -> Headers:
    """Read the field `headers`; faults go to the reader, without values."""
    found = reader.text_map(
        FIELD, MAX_HEADERS, _NAME, "the name of a header", MAX_VALUE_LENGTH, _VALUE, "printable ASCII"
    )
    seen: set[str] = set()
    for name in found:
        if _REFUSED.fullmatch(name.lower()):
            reader.fault(FIELD, f"{name} is not sent to sources")
        elif name.lower() in seen:
            reader.fault(FIELD, f"{name} is given more than once")
        seen.add(name.lower())
    if sum(len(name) + len(value) for name, value in found.items()) > MAX_TOTAL_LENGTH:
        reader.fault(FIELD, f"have more than {MAX_TOTAL_LENGTH} characters in all")
    return tuple(found.items())
