"""Keys in S3.

| key | writer | reader | lifetime |
|---|---|---|---|
| `uploads/<id>/<n>` | api | worker | with the job; lifecycle rule for what no job owns |
| `uploads/<id>/manifest.jsonl` | api | operator | the same |
| `uploads/<namespace>.<caller>.<id>/<n>/<name>` | client, by a signed link | worker, api | lifecycle rule; no
job owns it | | `jobs/<uid>/manifest.jsonl` | operator | worker | with the job | | `jobs/<uid>/offsets` |
operator | worker | with the job | | `jobs/<uid>/spec.json` | operator | worker | with the job | |
`jobs/<uid>/results/<shard>.jsonl` | worker (Job), operator (pool: shard 0) | operator, api | with the job | |
`<prefix>/<n>-<variant>.<ext>`, `<prefix>/<name>.<ext>` | worker | client | the user's
(`output.deletionPolicy`) |
"""

import re
import unicodedata
from collections.abc import Sequence

from imagejobs_contract.model.options import DEFAULT_VARIANT, Format

UPLOADS = "uploads/"
JOBS = "jobs/"
OUTPUTS = "outputs/"
PREFIX_PATTERN = r"[A-Za-z0-9._=+@-]+(/[A-Za-z0-9._=+@-]+)*/?"
MADE_BY = "uid"
"""In the metadata of a result: the uid of its job."""

STEM = 200
"""Most characters of a result's name without its extension."""

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


def upload(upload_id: str, index: int) -> str:
    """Return where the API puts the n-th file of a request."""
    return f"{UPLOADS}{upload_id}/{index}"


def uploads(upload_id: str) -> str:
    """Return the prefix of all files of a request."""
    return f"{UPLOADS}{upload_id}/"


def presigned(upload_id: str, index: int, name: str) -> str:
    """Return where a client puts the n-th file of an upload; the name's safe characters stand at the end, for the result to be called after."""
    bare = without_extension(name)
    end = f"{safe_stem(bare.replace('/', '-'))}{name[len(bare) :].lower()}".strip(".")
    return f"{UPLOADS}{upload_id}/{index}/{end or index}"


def listed(upload_id: str) -> str:
    """Return where the API puts the list of a request's images when there are too many for an ImageJob."""
    return f"{UPLOADS}{upload_id}/manifest.jsonl"


def job(uid: str) -> str:
    """Return the prefix of what belongs to a job."""
    return f"{JOBS}{uid}/"


def spec(uid: str) -> str:
    """Return where a shard finds the job's spec."""
    return f"{JOBS}{uid}/spec.json"


def manifest(uid: str) -> str:
    """Return where a shard finds the items, one line each."""
    return f"{JOBS}{uid}/manifest.jsonl"


def offsets(uid: str) -> str:
    """Return where a shard finds its byte range of the manifest."""
    return f"{JOBS}{uid}/offsets"


def results(uid: str, shard: int) -> str:
    """Return where the outcomes of a shard lie, one line each."""
    return f"{JOBS}{uid}/results/{shard}.jsonl"


def default_prefix(job_name: str) -> str:
    """Return the prefix of outputs when the spec names none."""
    return f"{OUTPUTS}{job_name}"


def output(prefix: str, index: int, name: str, variant: str, output_format: Format) -> str:
    """Return where a result goes: by the item's name if it has one, else by its number.

    Always the same for the same job.
    """
    stem = safe_stem(name) or str(index)
    tail = "" if variant == DEFAULT_VARIANT else f"-{variant}"
    return f"{prefix.rstrip('/')}/{stem}{tail}.{output_format.extension}"


def safe_stem(name: str) -> str:
    """Return the name without its extension, folders kept, in characters that are safe in keys and headers; may be empty."""
    parts = [_safe(part) for part in re.split(r"[/\\]", without_extension(name))]
    return "/".join(part for part in parts if part)[:STEM].strip("/.-")


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names with `-2`, `-3`...

    before the extension where results would otherwise overwrite each other.

    A name of which nothing is safe in a key counts as its number, by which its result is then called.
    """
    taken: set[str] = set()
    highest: dict[str, int] = {}
    result = []
    for index, name in enumerate(names):
        candidate, first = name, safe_stem(name).lower() or str(index)
        stem, n = first, highest.get(first, 1)
        while stem in taken:
            n += 1
            candidate = numbered(name, n)
            stem = safe_stem(candidate).lower() or str(index)
        taken.add(stem)
        highest[first] = n  # or a thousand equal names would be tried half a million times
        result.append(candidate)
    return result


def numbered(name: str, n: int) -> str:
    """Return the name with a number before its extension, where the result's name will show it."""
    bare = without_extension(name)
    tail = f"-{n}{name[len(bare) :]}"
    if len(safe_stem(bare)) + len(tail) > STEM:
        bare = safe_stem(bare)  # else the number would be cut off, and never tell two names apart
    return bare[: STEM - len(tail)] + tail


def without_extension(name: str) -> str:
    """Return a file's name without a known extension; a name that is nothing else stays."""
    return _EXTENSION.sub("", name)


def _safe(part: str) -> str:
    plain = unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain).strip("-.")
