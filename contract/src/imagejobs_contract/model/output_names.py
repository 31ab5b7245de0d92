"""Names of a job's outputs: the S3 prefix, and the name below it that follows from a file's own name.

Pure text. `wire/s3_keys.py` builds whole keys of it.
"""

import re
import unicodedata
from collections.abc import Sequence

UPLOADS, JOBS = RESERVED_PREFIXES = ("uploads/", "jobs/")
"""Prefixes that hold files of imagejobs itself: no output lies there."""
OUTPUTS = "outputs/"
PREFIX_PATTERN = r"[A-Za-z0-9._=+@-]+(/[A-Za-z0-9._=+@-]+)*/?"
MAX_STEM_LENGTH = 200
"""Characters of a result's name without its extension."""

_MAX_TAIL = 13
"""Characters of the longest number and extension that a name is cut for: `-500` and such as `.pjpeg`."""
_EXTENSION = re.compile(
    r"(?<=[^/\\])\.("
    r"jpe?g|jpe|jfif|pjpe?g|pjp|a?png|gif|webp|avifs?|tiff?|bmp|dib|hei[cf]s?|hif|jxl|jp2|j2k|jpx|ico|svgz?|"
    r"psd|pdf|eps|raw|dng|cr[23]|nef|nrw|arw|sr2|orf|rw2|raf|pef|srw|mpo|jps|mp4|mov|webm|txt|bin|dat|tmp|zip|gz"
    r")$",
    re.ASCII | re.IGNORECASE,
)
"""The extensions of images and of files that are sent for them. In a name such as `No. 5` or `report.2024`
the part behind the dot belongs to the name.
"""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


def default_prefix(namespace: str, job_name: str, uid: str) -> str:
    """Return the prefix of a job's outputs if its spec has none: no other job ever has it.

    Neither namespace nor name holds a dot, so that one job's prefix never begins another's, and rights on a
    namespace's outputs can be given by the key: `outputs/<namespace>.*`. Why all three parts:
    docs/adr/0017-outputs-carry-the-uid.md.
    """
    return f"{OUTPUTS}{namespace}.{job_name}.{uid}"


def prefix_by_name(job_name: str) -> str:
    """Return where releases up to 0.1 put the outputs of every job of that name, in any namespace."""
    return f"{OUTPUTS}{job_name}"


def safe_stem(name: str) -> str:
    """Return a file's name without its extension, in characters that are safe in keys and headers.

    Folders stay. It may be "".
    """
    parts = [_make_safe(part) for part in re.split(r"[/\\]", strip_extension(name))]
    return "/".join(part for part in parts if part)[:MAX_STEM_LENGTH].strip("/.-")


def make_distinct(names: Sequence[str]) -> list[str]:
    """Return the names with `-2`, `-3`... before the extension where one result would overwrite another.

    A name without a character that is safe in a key counts as its number, by which its result is then called.
    """
    taken: set[str] = set()
    highest: dict[str, int] = {}
    result = []
    for index, name in enumerate(names):
        candidate, first = name, safe_stem(name).lower() or str(index)
        # Long names that differ only at their end become the same names with a number.
        tried = first[: MAX_STEM_LENGTH - _MAX_TAIL]
        stem, n = first, highest.get(tried, 1)
        while stem in taken:
            n += 1
            candidate = add_number(name, n)
            stem = safe_stem(candidate).lower() or str(index)
        taken.add(stem)
        highest[tried] = n  # or a thousand equal names would be tried half a million times
        result.append(candidate)
    return result


def add_number(name: str, n: int) -> str:
    """Return the name with `-n` before its extension, at a place where the result's name still shows it."""
    bare = strip_extension(name)
    tail = f"-{n}{name[len(bare) :]}"
    if len(safe_stem(bare)) + len(tail) > MAX_STEM_LENGTH:
        bare = safe_stem(bare)  # else the number would be cut off, and two names would stay equal
    return bare[: MAX_STEM_LENGTH - len(tail)] + tail


def strip_extension(name: str) -> str:
    """Return a file's name without a known extension; a name that is nothing else stays."""
    return _EXTENSION.sub("", name)


def _make_safe(part: str) -> str:
    plain = part if part.isascii() else unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain).strip("-.")
