"""Who is to be told that a job ended, as a request names it: read, and refused at once where the operator would refuse it unseen.

Nothing is resolved or sent here; the operator does that, behind the same address guard.
"""

from pathlib import Path

from imagejobs_contract.errors import Refused
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import URL_PATTERN
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.url import read_url
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import webhook_secrets

FIELD = "callback"


class Callbacks:
    """Reads callbacks.

    Args:
        guard: How far they may lead.
        signed: There is a secret to sign them with; without one they are refused.
        folder: Where callers have secrets of their own.
    """

    def __init__(self, guard: AddressGuard, *, signed: bool, folder: Path | None = None) -> None:
        self._guard = guard
        self._signed = signed
        self._folder = folder

    def of(self, caller: CallerName) -> "Callbacks":
        """Return what reads a caller's."""
        return Callbacks(
            self._guard, signed=self._signed or webhook_secrets.find_file(self._folder, caller) is not None
        )

    def read(self, reader: Reader, name: str = FIELD) -> str | None:
        """Return the URL in a field, or None; faults go to the reader."""
        url = reader.text(name, limits.MAX_URL_LENGTH, pattern=URL_PATTERN, shape="an http(s) URL")
        return self.checked(reader, name, url)

    def checked(self, reader: Reader, name: str, url: str | None) -> str | None:
        """Return a URL that was read from a field, or None if it cannot be told there; faults go to the reader."""
        if url is None:
            return None
        if not self._signed:
            reader.fault(name, "cannot be delivered: this server has no secret to sign it with")
            return None
        try:
            self._guard.check(read_url(url))
        except Refused as ex:
            reader.fault(name, ex.message)
            return None
        return url
