"""The lifecycle rules of a bucket, in S3's form. Pure."""

from collections.abc import Iterable
from typing import Any

from imagejobs_contract.wire import s3_keys

RULE_PREFIX = "imagejobs-"
"""Begins the ID of each of our rules; others are left alone."""
PART_DAYS = 1
"""Days after which the parts of an unfinished multipart upload are deleted."""


def own_rules(upload_days: int) -> list[dict[str, Any]]:
    """Return the rules that imagejobs needs.

    Args:
        upload_days: Days after which an uploaded file is deleted whose job was never made or did not delete
            it.
    """
    return [
        {
            "ID": f"{RULE_PREFIX}uploads",
            "Filter": {"Prefix": s3_keys.UPLOADS},
            "Status": "Enabled",
            "Expiration": {"Days": upload_days},
        },
        {
            "ID": f"{RULE_PREFIX}parts",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": PART_DAYS},
        },
    ]


def merge(present: Iterable[dict[str, Any]], upload_days: int) -> list[dict[str, Any]]:
    """Return a bucket's rules with ours among them, because S3 can only replace all rules at once."""
    others = [rule for rule in present if not str(rule.get("ID", "")).startswith(RULE_PREFIX)]
    return others + own_rules(upload_days)
