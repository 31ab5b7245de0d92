"""Keys in S3.

| key | writer | reader | lifetime |
|---|---|---|---|
| `uploads/<id>/<n>` | api | worker | with the job; lifecycle rule for files that no job owns |
| `uploads/<id>/manifest.jsonl` | api | operator | the same |
| `uploads/<namespace>.<caller>.<id>/<n>/<name>` | client, by a signed link | worker, api | lifecycle rule; no job owns it |
| `jobs/<uid>/manifest.jsonl` | operator | worker | with the job |
| `jobs/<uid>/offsets` | operator | worker | with the job |
| `jobs/<uid>/spec.json` | operator | worker | with the job |
| `jobs/<uid>/results/<shard>.jsonl` | worker (Job), operator (pool: shard 0) | operator, api | with the job |
| `jobs/usage/<day>.json` | operator | api | 400 days |
| `<prefix>/<n>-<variant>.<ext>`, `<prefix>/<name>.<ext>` | worker | client | the user's (`output.deletionPolicy`) |

`<prefix>` is `outputs/<namespace>.<job>.<uid>`, or the one that the job's spec names; jobs that a release up to
0.1 began also have outputs under `outputs/<job>`.
"""  # noqa: E501 - the rows of a table

from datetime import date

from imagejobs_contract.model.names import S3Key, Uid
from imagejobs_contract.model.options import DEFAULT_VARIANT, Format
from imagejobs_contract.model.output_names import JOBS as JOBS
from imagejobs_contract.model.output_names import UPLOADS as UPLOADS
from imagejobs_contract.model.output_names import safe_stem, strip_extension

USAGE = f"{JOBS}usage/"
"""No uid is `usage`, so no job's files lie there."""
MADE_BY = "uid"
"""In the metadata of a result: the uid of its job."""


def upload(upload_id: str, index: int) -> S3Key:
    """Return the key of the n-th file of a request, which the API writes."""
    return S3Key(f"{UPLOADS}{upload_id}/{index}")


def uploads(upload_id: str) -> str:
    """Return the prefix of all files of a request."""
    return f"{UPLOADS}{upload_id}/"


def presigned(upload_id: str, index: int, name: str) -> S3Key:
    """Return the key of the n-th file of an upload by link, which a client writes.

    It ends in the safe characters of the file's name, by which the result is called.
    """
    bare = strip_extension(name)
    end = f"{safe_stem(bare.replace('/', '-'))}{name[len(bare) :].lower()}".strip(".")
    return S3Key(f"{UPLOADS}{upload_id}/{index}/{end or index}")


def upload_manifest(upload_id: str) -> S3Key:
    """Return the key of a request's list of images, written if there are too many for an ImageJob."""
    return S3Key(f"{UPLOADS}{upload_id}/manifest.jsonl")


def usage(day: date) -> S3Key:
    """Return the key of the usage of one day, of all callers."""
    return S3Key(f"{USAGE}{day.isoformat()}.json")


def job(uid: Uid) -> str:
    """Return the prefix of a job's working files."""
    return f"{JOBS}{uid}/"


def spec(uid: Uid) -> S3Key:
    """Return the key of the job's spec for its shards."""
    return S3Key(f"{JOBS}{uid}/spec.json")


def manifest(uid: Uid) -> S3Key:
    """Return the key of the items for the job's shards, one line each."""
    return S3Key(f"{JOBS}{uid}/manifest.jsonl")


def offsets(uid: Uid) -> S3Key:
    """Return the key of the shards' byte ranges of the manifest."""
    return S3Key(f"{JOBS}{uid}/offsets")


def results(uid: Uid, shard: int) -> S3Key:
    """Return the key of a shard's outcomes, one line each."""
    return S3Key(f"{JOBS}{uid}/results/{shard}.jsonl")


def output(prefix: str, index: int, name: str, variant: str, output_format: Format) -> S3Key:
    """Return the key of a result: the item's name if it has one, else its number.

    It is always the same for the same job.
    """
    stem = safe_stem(name) or str(index)
    tail = "" if variant == DEFAULT_VARIANT else f"-{variant}"
    return S3Key(f"{prefix.rstrip('/')}/{stem}{tail}.{output_format.extension}")
