"""The rule for the keys that a caller of the API may read: its own uploads, and configured prefixes. Pure.

The rule is a list of prefixes. The API applies it to every key that a request names; the workers read the
lines of a manifest, and apply the same list to each: it travels with the job (`imagejobs.dev/sources`). Jobs
made with kubectl have no rule; a user who may make those may read the whole bucket.
"""

import json
import re
from collections.abc import Mapping, Sequence

from imagejobs_contract.model import names
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.output_names import JOBS, OUTPUTS, UPLOADS

RESERVED = (UPLOADS, JOBS, OUTPUTS)
"""Prefixes under which files of different callers lie side by side: a configured prefix is never one of them,
above one or below one.
"""

_PLAIN = re.compile(r"(?!.*(^|/)\.{0,2}(/|$))[^\x00-\x1f\x7f\\\ufffe\uffff]+", re.DOTALL)
"""No empty part, none that is `.` or `..`: S3 takes them for names, but a server before it may not. SeaweedFS
takes a backslash for a slash.
"""
NOT_PLAIN = "its key has a part that is empty, . or .., or a backslash or a control character: it is not read"


def own_uploads_prefix(namespace: str, caller: CallerName) -> str:
    """Return the prefix of the keys of a caller's uploads.

    Neither part holds a dot, and a dot ends the last one: no caller's keys begin with another caller's
    prefix. Without callers all uploads of the namespace belong to every user.
    """
    return f"{UPLOADS}{namespace}.{caller}." if caller else f"{UPLOADS}{namespace}."


def may_read(key: str, prefixes: Sequence[str]) -> bool:
    """Return whether a key, or a folder that ends with a slash, lies under one of the prefixes."""
    return key.startswith(tuple(prefixes)) and is_plain(key)


def is_plain(key: str) -> bool:
    """Return whether a key, or a folder that ends with a slash, has only one reading."""
    return _PLAIN.fullmatch(key.removesuffix("/")) is not None


def names_object(key: str) -> bool:
    """Return whether a key has only one reading, and is not a folder."""
    return is_plain(key) and not key.endswith("/")


def uploaded_seconds(key: str) -> float | None:
    """Return the time at which the links of an upload were made, in seconds since the epoch.

    None for keys that are not of an upload by links.
    """
    if not key.startswith(UPLOADS):
        return None
    return names.created_seconds(key.removeprefix(UPLOADS).partition("/")[0].rpartition(".")[2])


def is_reserved(prefix: str) -> bool:
    """Return whether a prefix that ends with a slash is one of `RESERVED`, or above or below one."""
    return any(prefix.startswith(each) or each.startswith(prefix) for each in RESERVED)


def format_annotation(prefixes: Sequence[str]) -> str:
    """Return the rule as an annotation holds it."""
    return json.dumps(list(prefixes))


def read_annotation(annotations: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return a job's rule, or None if it has none. A rule that cannot be read allows no key."""
    text = annotations.get(names.ANNOTATION_SOURCES)
    if text is None:
        return None
    try:
        return tuple(str(each) for each in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return ()
