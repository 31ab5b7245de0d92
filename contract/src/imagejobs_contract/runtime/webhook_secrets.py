"""The secrets that sign callbacks: a caller's own, else the shared ones (Standard Webhooks).

A caller's own secrets are in a file of its name, in a folder: a mounted Secret of Kubernetes. The file is
read for each callback, so that a change needs no restart. The operator signs; the API only checks whether
there are any secrets, and accepts no callbacks without.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.spec_json import DNS_LABEL
from imagejobs_contract.reader import Reader

VARIABLE = "WEBHOOK_SECRETS"
FOLDER_VARIABLE = "WEBHOOK_SECRETS_DIR"
PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
"""Bounds of a secret, by the specification."""
MAX_SECRETS = 4
"""The new one, the old one, and two more: each adds 48 bytes to the header of every callback."""
MAX_TEXT_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The secrets of an installation.

    Attributes:
        shared: For jobs whose caller has no own ones; () sends no callbacks of those.
        folder: Has callers' own, in files of their names; None if there is no such folder.
    """

    shared: tuple[str, ...] = ()
    folder: Path | None = None

    @classmethod
    def read(cls, reader: Reader) -> "WebhookSecrets":
        """Read both variables."""
        return cls(read_secrets(reader), read_folder(reader))

    def __bool__(self) -> bool:
        return bool(self.shared or self.folder)

    def for_caller(self, caller: CallerName) -> tuple[str, ...]:
        """Return the secrets that sign a caller's callbacks; () if there are none.

        Args:
            caller: As a job's label has it; "" for no caller.

        Raises:
            Invalid: The caller's file cannot be read or is broken: signed with another secret, the callback
                would be rejected. The message does not repeat the secret.
        """
        if (file := find_file(self.folder, caller)) is None:
            return self.shared
        try:
            with file.open("rb") as opened:
                text = opened.read(MAX_TEXT_LENGTH + 1).decode("ascii")
        except (OSError, UnicodeDecodeError) as ex:
            raise Invalid([Fault(caller, "cannot be read")]) from ex
        secrets, faults = _parse(text)
        if len(text) > MAX_TEXT_LENGTH:
            faults.append(f"is longer than {MAX_TEXT_LENGTH} characters")
        if faults or not secrets:
            raise Invalid([Fault(caller, fault) for fault in faults or ("holds no secret",)])
        return secrets


def find_file(folder: Path | None, caller: CallerName) -> Path | None:
    """Return the file of a caller that has secrets of its own, else None.

    Anyone who may write jobs may write their labels: only a valid caller's name becomes a path.
    """
    file = folder / caller if folder and re.fullmatch(DNS_LABEL, caller, re.ASCII) else None
    return file if file and file.is_file() else None


def read_folder(reader: Reader) -> Path | None:
    """Read WEBHOOK_SECRETS_DIR; None if there is none."""
    text = reader.text(FOLDER_VARIABLE, MAX_TEXT_LENGTH, default="") or ""
    return Path(text) if text else None


def check_folder(folder: Path | None) -> None:
    """Check that the folder exists, if one is set.

    Raises:
        Invalid: It does not: callers' own secrets would be ignored.
    """
    if folder is not None and not folder.is_dir():
        raise Invalid([Fault(FOLDER_VARIABLE, "is no folder")])


def read_secrets(reader: Reader) -> tuple[str, ...]:
    """Read WEBHOOK_SECRETS; () if there is none. A fault never repeats a secret."""
    secrets, faults = _parse(reader.text(VARIABLE, MAX_TEXT_LENGTH, default="", secret=True) or "")
    for fault in faults:
        reader.fault(VARIABLE, fault)
    return secrets


def _parse(text: str) -> tuple[tuple[str, ...], list[str]]:
    secrets = tuple(filter(None, re.split(r"[,\s]+", text)))
    shape = f"{PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes in base64"
    faults = [f"secret {n} is not {shape}" for n, secret in enumerate(secrets, 1) if not _is_secret(secret)]
    if len(secrets) > MAX_SECRETS:
        faults.insert(0, f"holds {len(secrets)} secrets; {MAX_SECRETS} are allowed")
    return secrets, faults


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return False
    return text.startswith(PREFIX) and MIN_BYTES <= len(key) <= MAX_BYTES
