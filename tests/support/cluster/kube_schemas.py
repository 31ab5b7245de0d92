"""Writes a JSON schema per kind for kubeconform, taken from a running API server, our CRD included."""

import json
from pathlib import Path
from typing import Any

from imagejobs_contract.model import names
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane

LOCATION = "{{ .Group }}-{{ .ResourceKind }}-{{ .ResourceAPIVersion }}.json"
"""The files' names, in the words of kubeconform's option -schema-location; the core group is called by its
version there.
"""

Schema = dict[str, Any]


def write(plane: ControlPlane, folder: Path) -> str:
    """Write a file for each kind and return what -schema-location takes."""
    # A definition is established before it is described.
    eventually(lambda: f"apis/{names.API_VERSION}" in _index(plane))
    for path, entry in _index(plane).items():
        if path.startswith(("api/", "apis/")):
            _, document = plane.request("GET", entry["serverRelativeURL"])
            _write_kinds(document.get("components", {}).get("schemas", {}), folder)
    return str(folder / LOCATION)


def _index(plane: ControlPlane) -> dict[str, Schema]:
    return plane.request("GET", "/openapi/v3")[1]["paths"]


def _write_kinds(schemas: dict[str, Schema], folder: Path) -> None:
    closed = {name: _closed(schema) for name, schema in schemas.items()}
    for name, schema in schemas.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:  # those of every group, such as DeleteOptions, are in no manifest
            kind = kinds[0]
            file = (
                folder / f"{kind['group'] or kind['version']}-{kind['kind'].lower()}-{kind['version']}.json"
            )
            body = {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$ref": f"#/components/schemas/{name}",
                "components": {"schemas": closed},
            }
            file.write_text(json.dumps(body))


def _closed(schema: Any) -> Any:
    """Return the schema without unknown fields: the server would drop a misspelled field silently."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    names_its_fields = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if names_its_fields and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed
