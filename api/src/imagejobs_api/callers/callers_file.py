"""The file of callers, read again when it changes: also when it is a mounted Secret, whose link is turned to another folder."""

import asyncio
import logging
from pathlib import Path

from imagejobs_api.callers import keyring
from imagejobs_api.callers.caller import Caller
from imagejobs_contract.errors import Fault, Invalid

POLL_SECONDS = 2.0
"""A new file counts after two looks that saw the same: one that is just being written counts when it is
whole.
"""
MAX_BYTES = 2**20
"""What a Secret can hold."""

log = logging.getLogger(__name__)


class CallersFile:
    """The callers as the newest file that could be read names them."""

    def __init__(self, path: Path, namespace: str) -> None:
        """Read the file.

        Raises:
            Invalid: It cannot be read, with every fault in it.
        """
        self._path = path
        self._namespace = namespace
        self._taken = self._seen = _bytes(path)
        self._refused: bytes | None = None
        self._book = keyring.read(_text(self._taken), namespace)
        self._fault = ""

    @property
    def is_current(self) -> bool:
        """Tell whether the file as it stands is the one that counts; it is not while it is broken or missing."""
        return not self._fault

    @property
    def namespaces(self) -> frozenset[str]:
        """Return where callers' jobs are."""
        return frozenset(entry.caller.namespace for entry in self._book.entries)

    def find(self, key: str) -> Caller | None:
        """Return whose key this is."""
        return self._book.find(key)

    async def watch(self) -> None:
        """Look at the file again and again, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await asyncio.to_thread(self.poll)
            except Exception:
                log.exception("the file of callers cannot be looked at")

    def poll(self) -> None:
        """Take the file over if it changed and can be read; one that cannot leaves the callers as they are."""
        try:
            found = _bytes(self._path)
            stands_still, self._seen = found == self._seen, found
            if stands_still and found not in (self._taken, self._refused):
                self._load(found)
            self._fault = "" if found == self._taken else self._fault
        except Invalid as ex:
            if ex.message != self._fault:
                log.error(
                    "the file of callers is broken: those read before still count",
                    extra={"reason": ex.message},
                )
            self._fault = ex.message

    def _load(self, found: bytes) -> None:
        self._refused = found  # unless it proves to be right
        self._book = keyring.read(_text(found), self._namespace)
        self._taken, self._refused = found, None
        log.info("the file of callers was read again", extra={"keys": len(self._book.entries)})


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as ex:
        raise Invalid([Fault("file", f"cannot be read: {ex.strerror}")]) from ex
    if len(data) > MAX_BYTES:
        raise Invalid([Fault("file", f"is larger than {MAX_BYTES} bytes")])
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as ex:
        raise Invalid([Fault("file", "is not UTF-8")]) from ex
