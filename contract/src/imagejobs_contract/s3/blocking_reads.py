"""Reads from S3 that block their thread, for a pod that begins before asyncio is loaded (20 ms).

Everything else reads through `objects.S3Objects`. This module must not import asyncio, boto3 or the ports.
"""

import obstore
from obstore.store import S3Store

from imagejobs_contract.errors import TooLarge
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.s3.client import s3_errors


def read_object(store: S3Store, key: S3Key, max_bytes: int) -> tuple[bytes, str]:
    """Return an object and its ETag.

    Raises:
        NotFound: There is none.
        TooLarge: It has more bytes; none were read.
    """
    with s3_errors(key):
        result = obstore.get(store, key)
        if result.meta["size"] > max_bytes:
            raise TooLarge(f"{key} has {result.meta['size']} bytes, more than {max_bytes}")
        return bytes(result.bytes()), result.meta["e_tag"] or ""


def read_range(store: S3Store, key: S3Key, start: int, end: int) -> bytes:
    """Return bytes start to end of an object, the end excluded.

    Raises:
        NotFound: There is no object, or it ends before the start.
    """
    with s3_errors(key):
        return bytes(obstore.get_range(store, key, start=start, end=end))
