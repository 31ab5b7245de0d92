"""Renders the chart with the real helm, for the tests in tests/chart."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[3] / "charts" / "imagejobs"
CASES = ("minimal", "dev", "everything", "install")
"""The files charts/imagejobs/ci/<case>-values.yaml."""

Object = dict[str, Any]


def helm_missing() -> bool:
    return shutil.which("helm") is None


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=60, check=False)


def case(name: str) -> tuple[str, str]:
    """Return the arguments that choose a file of values."""
    return "--values", str(CHART / "ci" / f"{name}-values.yaml")


@cache
def render(*arguments: str, release: str = "imagejobs", namespace: str = "pictures") -> tuple[Object, ...]:
    """Return all objects that an install with these arguments makes."""
    run = helm("template", release, str(CHART), "--namespace", namespace, *arguments)
    assert run.returncode == 0, run.stderr
    return tuple(each for each in yaml.safe_load_all(run.stdout) if each)


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    found = [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]
    assert len(found) == 1, (
        f"{kind} {name}: {len(found)} of {[(each['kind'], each['metadata']['name']) for each in objects]}"
    )
    return found[0]


def pods(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Yield the name, and metadata and spec, of every pod that the objects bring."""
    for each in objects:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each
        elif "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]


def environment(
    objects: Sequence[Object], pod: Object, secrets: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Return what the first container of a pod finds in its environment.

    Args:
        secrets: What the Secrets hold; those of the chart are empty.
    """
    container = pod["spec"]["containers"][0]
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if source.get("configMapRef", {}).get("optional"):
            continue
        if "configMapRef" in source:
            name = source["configMapRef"]["name"]
            found |= next(
                each["data"] for each in of_kind(objects, "ConfigMap") if each["metadata"]["name"] == name
            )
        else:
            name = source["secretRef"]["name"]
            found |= secrets[name]
    return found | {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}
