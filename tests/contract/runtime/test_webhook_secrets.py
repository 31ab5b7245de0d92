"""WEBHOOK_SECRETS: what the specification asks of a secret, and what a fault must not tell."""

import base64
from pathlib import Path

import pytest

from imagejobs_contract.errors import Invalid
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime.webhook_secrets import WebhookSecrets, check_folder, read_folder, read_secrets


def secret(count: int) -> str:
    return "whsec_" + base64.b64encode(b"\xff" * count).decode()


def read(text: str) -> tuple[tuple[str, ...], list[str]]:
    reader = Reader({"WEBHOOK_SECRETS": text} if text else {})
    return read_secrets(reader), [str(fault) for fault in reader.faults]


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), (secret(24), 1), (f"{secret(24)},{secret(64)}", 2), (f" {secret(32)} \n{secret(33)} ", 2)],
    ids=str,
)
def test_secrets_are_read(text: str, count: int) -> None:
    secrets, faults = read(text)
    assert (len(secrets), faults) == (count, [])


@pytest.mark.parametrize("text", [secret(23), secret(65), secret(24)[6:], "whsec_###", "whsec_", "hunter2"])
def test_what_is_no_secret_is_named_by_its_place_and_never_shown(text: str) -> None:
    _, (fault,) = read(f"{secret(24)},{text}")
    assert fault.startswith("WEBHOOK_SECRETS: secret 2 is not")
    assert text not in fault.replace("whsec_ and", "")


def test_there_are_at_most_four() -> None:
    assert read(",".join([secret(24)] * 5))[1] == ["WEBHOOK_SECRETS: holds 5 secrets; 4 are allowed"]


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    check_folder(None)
    check_folder(read_folder(Reader({"WEBHOOK_SECRETS_DIR": str(tmp_path)})))
    with pytest.raises(Invalid, match="WEBHOOK_SECRETS_DIR: is no folder"):
        check_folder(tmp_path / "gone")


def test_secrets_of_some_callers_are_enough_to_send_callbacks(tmp_path: Path) -> None:
    assert not WebhookSecrets()
    assert WebhookSecrets.read(Reader({"WEBHOOK_SECRETS_DIR": str(tmp_path)}))
