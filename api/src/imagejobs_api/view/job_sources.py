"""Which sources of a job's images the API may read: those that the job may read. Pure.

That is by the rule that the API gave the job (`source_prefixes`). A job without one was made with kubectl:
what that may read, only its operator knows.
"""

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.wire import source_prefixes


def uploads_prefix(job: ImageJob) -> str:
    """Return the prefix of the uploads that belong to the job, "" if it has none."""
    return job.annotations.get(names.ANNOTATION_UPLOADS, "")


def may_read(job: ImageJob, key: S3Key) -> bool:
    """Return whether the job may read a key."""
    rule = source_prefixes.read_annotation(job.annotations)
    own = filter(None, [uploads_prefix(job)])
    return rule is not None and source_prefixes.may_read(key, (*rule, *own))
