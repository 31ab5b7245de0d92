"""Reads the files that those who run the API mount into it: JSON or YAML, of a bounded size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from imagejobs_contract.errors import Fault, Invalid

MAX_BYTES = 2**20
"""The size limit of a Secret and of a ConfigMap."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        Invalid: It cannot be read, or is larger than `MAX_BYTES`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as ex:
        raise Invalid([Fault("file", f"cannot be read: {ex.strerror}")]) from ex
    if len(data) > MAX_BYTES:
        raise Invalid([Fault("file", f"is larger than {MAX_BYTES} bytes")])
    return data


def decode(data: bytes) -> str:
    """Return the text in some bytes.

    Raises:
        Invalid: It is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as ex:
        raise Invalid([Fault("file", "is not UTF-8")]) from ex


def parse_mapping(text: str, expected: str) -> Mapping[str, Any]:
    """Return the object in a text of JSON or YAML.

    Args:
        expected: Names what the object should hold, for people.

    Raises:
        Invalid: There is none.
    """
    value = _parse(text)
    if not isinstance(value, Mapping):
        raise Invalid([Fault("file", f"holds no object with {expected}")])
    return value


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # not JSON. JSON is not simply read as YAML, because YAML allows no tabs.
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as ex:
        mark = getattr(ex, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise Invalid([Fault(where, "is neither JSON nor YAML")]) from ex
