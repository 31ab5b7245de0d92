"""Tickets: the last part of a watch link, by which anyone may watch one job, and nothing else. Pure.

A ticket is signed, and stored nowhere. Before base64url it has a byte for the version, 4 bytes with the
second at which it expires, 8 bytes of a hash of the job's uid, the job's namespace and name, and 16 bytes of
HMAC-SHA256 over all of that (RFC 2104, section 5, allows that half). The uid is there because a job may be
deleted and another be made under its name.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, Uid

VERSION = 1
PURPOSE = b"imagejobs watch ticket\0"
MAC_BYTES, UID_BYTES, EXPIRY_BYTES = 16, 8, 4
MAX_CHARACTERS = 300
"""Two names of at most 63 characters make 210."""

_HEAD_BYTES = 1 + EXPIRY_BYTES + UID_BYTES
_TICKET = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_CHARACTERS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket whose signature is right.

    Attributes:
        uid_digest: The beginning of a hash of the job's uid.
        expires: Unix seconds.
    """

    key: JobKey
    uid_digest: bytes
    expires: int

    @property
    def expiry(self) -> datetime:
        """Return the time at which the ticket expires."""
        return datetime.fromtimestamp(self.expires, UTC)

    def fits(self, job: ImageJob) -> bool:
        """Return whether the ticket is for this very job, not for one that had its name before."""
        return hmac.compare_digest(self.uid_digest, _digest(job.uid))


class WatchTickets:
    """Signs tickets and reads them; lives as long as the app.

    Args:
        secrets: The first one signs, each of them is accepted. Without one there are no tickets.
        seconds: How long a ticket is valid.
        clock: Returns Unix seconds.
    """

    def __init__(self, secrets: Sequence[str], seconds: int, clock: Callable[[], float] = time.time) -> None:
        # The same secret signs nothing else, even if someone uses it for something else, too.
        self._keys = [hashlib.sha256(PURPOSE + each.encode()).digest() for each in secrets]
        self._seconds = seconds
        self._clock = clock

    def issue(self, job: ImageJob) -> str | None:
        """Return a ticket for a job that is stored; None if there is no secret that could sign it."""
        if not self._keys:
            return None
        expires = int(self._clock()) + self._seconds
        head = bytes([VERSION]) + expires.to_bytes(EXPIRY_BYTES) + _digest(job.uid)
        data = head + f"{job.key.namespace}/{job.key.name}".encode()
        return base64.urlsafe_b64encode(data + _mac(self._keys[0], data)).decode().rstrip("=")

    def read(self, text: str) -> Ticket:
        """Return the ticket in an address.

        Raises:
            Problem: 404, it was not signed here; 410, it has expired.
        """
        data, mac = _split(text) if _TICKET.fullmatch(text) else (b"", b"")
        if not any(hmac.compare_digest(mac, _mac(key, data)) for key in self._keys):
            raise Problem(Code.NOT_FOUND, "This link opens nothing: it is not whole, or not of this server.")
        namespace, _, name = data[_HEAD_BYTES:].decode().partition("/")
        expires = int.from_bytes(data[1 : 1 + EXPIRY_BYTES])
        ticket = Ticket(JobKey(namespace, name), data[1 + EXPIRY_BYTES : _HEAD_BYTES], expires)
        if self.remaining_seconds(ticket) <= 0:
            raise Problem(Code.LINK_EXPIRED, "Ask for a new link where you got this one.")
        return ticket

    def remaining_seconds(self, ticket: Ticket) -> float:
        """Return the seconds for which a ticket is still valid."""
        return ticket.expires - self._clock()


def _split(text: str) -> tuple[bytes, bytes]:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return b"", b""
    return data[:-MAC_BYTES], data[-MAC_BYTES:]


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:MAC_BYTES]


def _digest(uid: Uid) -> bytes:
    return hashlib.sha256(uid.encode()).digest()[:UID_BYTES]
