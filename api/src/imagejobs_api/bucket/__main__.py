"""`python -m imagejobs_api.bucket`: sets the bucket up, by the S3 variables and UPLOAD_DAYS.

An error is one line on stderr.
"""

import os
import sys

from imagejobs_api.bucket.set_up import client, set_up
from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import settings
from imagejobs_contract.runtime.settings import S3Settings

DEFAULT_UPLOAD_DAYS = 8
"""A day more than the longest `activeDeadlineSeconds`: no rule may delete a source of a running job."""


def _read(reader: Reader) -> tuple[S3Settings, int]:
    return S3Settings.read(reader), reader.integer(
        "UPLOAD_DAYS", 1, 365, DEFAULT_UPLOAD_DAYS
    ) or DEFAULT_UPLOAD_DAYS


def main() -> int:
    """Set the bucket up and return the exit code: 0, or 1 if S3 refuses or does not answer."""
    s3, upload_days = settings.read(os.environ, _read)
    try:
        set_up(client(s3), s3, upload_days)
    except (Misconfigured, Unavailable) as ex:
        sys.stderr.write(f"{ex}\n")
        return 1
    sys.stdout.write(f"bucket {s3.bucket} is ready; uploads that no job took go after {upload_days} days\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
