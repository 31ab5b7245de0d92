"""Reads the callback URL of a request, and refuses at once a URL that the operator would refuse.

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


class CallbackUrls:
    """Reads callback URLs. Both intakes share one, which lives as long as the app.

    Args:
        guard: Refuses addresses that callbacks must not reach.
        signed: Whether there is a secret to sign callbacks with; without one they are refused.
        folder: Folder with the secrets of callers that have their own.
    """

    def __init__(self, guard: AddressGuard, *, signed: bool, folder: Path | None = None) -> None:
        self._guard = guard
        self._signed = signed
        self._folder = folder

    def for_caller(self, caller: CallerName) -> "CallbackUrls":
        """Return the reader for one caller, who may have a secret of its own."""
        return CallbackUrls(
            self._guard.for_caller(caller),
            signed=self._signed or webhook_secrets.find_file(self._folder, caller) is not None,
        )

    def read(self, reader: Reader, name: str = FIELD) -> str | None:
        """Return the URL in a field, or None; faults go to the reader."""
        url = reader.text(name, limits.MAX_URL_LENGTH, pattern=URL_PATTERN, shape="an http(s) URL")
        return self.check(reader, name, url)

    def check(self, reader: Reader, name: str, url: str | None) -> str | None:
        """Return the URL of a field, or None if no callback can be sent to it; faults go to the reader."""
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
