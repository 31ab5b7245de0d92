"""What of the bucket a caller of the API may have read for it: its own uploads, and what lies under prefixes that were configured. Pure.

The rule is a list of prefixes. The API applies it to every key that a request names; a manifest's lines are
read by the workers, which apply the same list to each: it travels with the job (`imagejobs.dev/sources`).
Jobs made with kubectl carry none; who may make those may read the whole bucket.
"""

import json
import re
from collections.abc import Mapping, Sequence

from imagejobs_contract.model import names
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.output_names import JOBS, OUTPUTS, UPLOADS

RESERVED = (UPLOADS, JOBS, OUTPUTS)
"""Where what belongs to different callers lies side by side: never a configured prefix, nor above or below
one.
"""

_PLAIN = re.compile(r"(?!.*(^|/)\.{0,2}(/|$))[^\x00-\x1f\x7f\\]+", re.DOTALL)
"""No empty part, none that is `.` or `..`: S3 takes them for names, what stands before it may not. SeaweedFS
takes a backslash for a slash.
"""


def own_uploads_prefix(namespace: str, caller: CallerName) -> str:
    """Return what the keys of a caller's uploads begin with.

    Neither part holds a dot, and a dot ends the last one: no caller's begin with another's. Without callers
    all of the namespace's are anybody's.
    """
    return f"{UPLOADS}{namespace}.{caller}." if caller else f"{UPLOADS}{namespace}."


def may_read(key: str, prefixes: Sequence[str]) -> bool:
    """Tell whether a key, or a folder that ends with a slash, lies under one of the prefixes."""
    return key.startswith(tuple(prefixes)) and is_plain(key)


def is_plain(key: str) -> bool:
    """Tell whether a key, or a folder that ends with a slash, can only be read in one way."""
    return _PLAIN.fullmatch(key.removesuffix("/")) is not None


def uploaded_seconds(key: str) -> float | None:
    """Return when the links of an upload were made that a key names, in seconds since the epoch; None for other keys."""
    if not key.startswith(UPLOADS):
        return None
    return names.created_seconds(key.removeprefix(UPLOADS).partition("/")[0].rpartition(".")[2])


def is_reserved(prefix: str) -> bool:
    """Tell whether a prefix that ends with a slash leads to, or past, what is kept apart by caller."""
    return any(prefix.startswith(each) or each.startswith(prefix) for each in RESERVED)


def format_annotation(prefixes: Sequence[str]) -> str:
    """Return the rule as an annotation holds it."""
    return json.dumps(list(prefixes))


def read_annotation(annotations: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return a job's rule, or None if it has none. One that cannot be read lets nothing through."""
    text = annotations.get(names.ANNOTATION_SOURCES)
    if text is None:
        return None
    try:
        return tuple(str(each) for each in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return ()
