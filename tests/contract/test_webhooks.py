"""WEBHOOK_SECRETS: what the specification asks of a secret, and what a fault must not tell."""

import base64

import pytest

from imagejobs_contract.reader import Reader
from imagejobs_contract.webhooks import read_secrets


def secret(count: int) -> str:
    return "whsec_" + base64.b64encode(b"\xff" * count).decode()


def read(text: str) -> tuple[tuple[str, ...], list[str]]:
    reader = Reader({"WEBHOOK_SECRETS": text} if text else {})
    return read_secrets(reader), [str(fault) for fault in reader.faults]


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (secret(24), 1), (f"{secret(24)},{secret(64)}", 2), (f" {secret(32)} \n{secret(33)} ", 2)], ids=str
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
