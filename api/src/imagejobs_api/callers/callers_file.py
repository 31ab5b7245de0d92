"""The file of callers, read again when it changes.

It may be a mounted Secret: Kubernetes changes one by turning a symbolic link to another folder.
"""

import asyncio
import logging
from pathlib import Path

from imagejobs_api import mounted_files
from imagejobs_api.callers import keyring
from imagejobs_api.callers.caller import Caller
from imagejobs_contract.errors import Invalid

POLL_SECONDS = 2.0
"""A new file counts once two polls in a row read the same bytes: a file may be half written."""

log = logging.getLogger(__name__)


class CallersFile:
    """The callers of the newest valid file.

    `wiring` makes it, `Lifecycle` runs `watch`, and `Authentication` asks it for the caller of a key.
    """

    def __init__(self, path: Path, namespace: str) -> None:
        """Read the file.

        Args:
            namespace: Of callers that the file gives none.

        Raises:
            Invalid: The file cannot be read, with every fault in it.
        """
        self._path = path
        self._namespace = namespace
        self._loaded = self._last_seen = mounted_files.read_bytes(path)
        self._rejected: bytes | None = None
        self._keyring = keyring.read(mounted_files.decode(self._loaded), namespace)
        self._fault = ""

    @property
    def is_current(self) -> bool:
        """Return whether the file as it is now is loaded; it is not while it is broken or missing."""
        return not self._fault

    @property
    def namespaces(self) -> frozenset[str]:
        """Return the namespaces of all callers."""
        return frozenset(entry.caller.namespace for entry in self._keyring.entries)

    def find(self, key: str) -> Caller | None:
        """Return the caller that has this key."""
        return self._keyring.find(key)

    async def watch(self) -> None:
        """Poll the file until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await asyncio.to_thread(self.poll)
            except Exception:
                log.exception("the file of callers cannot be looked at")

    def poll(self) -> None:
        """Load the file if it changed; if it is invalid, keep the callers and log why."""
        try:
            found = mounted_files.read_bytes(self._path)
            is_stable, self._last_seen = found == self._last_seen, found
            if is_stable and found not in (self._loaded, self._rejected):
                self._load(found)
            self._fault = "" if found == self._loaded else self._fault
        except Invalid as ex:
            if ex.message != self._fault:
                log.error(
                    "the file of callers is broken: those read before still count",
                    extra={"reason": ex.message},
                )
            self._fault = ex.message

    def _load(self, found: bytes) -> None:
        self._rejected = found  # until it proves to be valid
        self._keyring = keyring.read(mounted_files.decode(found), self._namespace)
        self._loaded, self._rejected = found, None
        log.info("the file of callers was read again", extra={"keys": len(self._keyring.entries)})
