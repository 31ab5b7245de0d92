"""The lifecycle rules of a bucket, as S3 takes them. Pure: knows no client."""

from collections.abc import Iterable
from typing import Any

from imagejobs_contract.wire import s3_keys

RULE_PREFIX = "imagejobs-"
"""Begins the ID of each rule of ours; others are left alone."""
PART_DAYS = 1
"""Days that the parts of an upload are kept whose sender was cut off."""


def own_rules(upload_days: int) -> list[dict[str, Any]]:
    """Return the rules that imagejobs needs.

    Args:
        upload_days: Days after which files go that were uploaded, but whose job was never created or never
            deleted them.
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
    """Return a bucket's rules with ours among them: S3 only knows how to replace all of them."""
    others = [rule for rule in present if not str(rule.get("ID", "")).startswith(RULE_PREFIX)]
    return others + own_rules(upload_days)
