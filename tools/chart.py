"""Writes what is made of manifests and values: the chart's copies, its README and comments, and two papers.

`python tools/chart.py` writes them, `python tools/chart.py --check` only names those that are out of date.
Needs `helm` for `manifests/install.yaml`.
"""

import argparse
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "imagejobs"
WIDTH = 110
_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z0-9]+):")
INSTALL_NAMESPACE = "imagejobs-system"
TABLE_BEGIN, TABLE_END = "<!-- values -->", "<!-- end of values -->"
README_HEAD = """\
# imagejobs

{description}

```sh
helm install imagejobs oci://ghcr.io/imagejobs/charts/imagejobs --version {version} \\
  --namespace imagejobs --create-namespace --set dev.enabled=true
```

`dev.enabled` brings a small S3 and a small Valkey, to try it out. With your own:

```yaml
s3: {{bucket: pictures, region: eu-central-1, existingSecret: imagejobs-s3}}
redis: {{existingSecret: imagejobs-redis}}
```

Needs Kubernetes {kubernetes}, Helm 3.17 or newer. The documentation:
[install]({docs}/install.md), [upgrade]({docs}/upgrade.md), [GitOps]({docs}/gitops.md),
[runbooks]({docs}/runbooks.md), [troubleshooting]({docs}/troubleshooting.md).

## Values

"""
DOCS = "https://github.com/imagejobs/imagejobs/blob/main/docs"
INSTALL_HEAD = f"""\
# imagejobs in one file, made from charts/imagejobs by tools/chart.py: no Helm needed.
#
#   kubectl create namespace {INSTALL_NAMESPACE}
#   kubectl --namespace {INSTALL_NAMESPACE} create secret generic imagejobs-credentials \\
#     --from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=... \
--from-literal=REDIS_URL=redis://...
#   API_KEY=ijk_$(openssl rand -hex 32)  # keep it: callers send it as "Authorization: Bearer ..."
#   kubectl --namespace {INSTALL_NAMESPACE} create secret generic imagejobs-callers \\
#     --from-literal=WATCH_SECRETS="$(openssl rand -hex 32)" \\
#     --from-literal=callers.yaml="callers: [{{name: first, keys: [{{sha256: $(printf %s "$API_KEY" | \
sha256sum | cut -c1-64)}}]}}]"
#   kubectl apply --server-side --filename install.yaml
#
# Set S3_BUCKET, and S3_ENDPOINT unless it is AWS, in the ConfigMap imagejobs-settings first.
# NetworkPolicies let only pods of the same namespace call the API.
"""


def copy_of(name: str) -> str:
    """Return a manifest as the chart carries it: the same."""
    return (ROOT / "manifests" / name).read_text()


def install_manifest() -> str:
    """Return the chart rendered for `kubectl apply`, without the parts that only Helm can run."""
    command = ["helm", "template", "imagejobs", str(CHART), "--namespace", INSTALL_NAMESPACE, "--skip-tests"]
    command += ["--values", str(CHART / "ci" / "install-values.yaml")]
    return INSTALL_HEAD + subprocess.run(command, check=True, capture_output=True, text=True).stdout


def values_table() -> str:
    """Return every value with its default and its description, as Markdown."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [
        f"| `{path}` | {_shown(default)} | {description} |"
        for path, default, description in _values(schema, schema, defaults, "")
    ]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])


def commented_values() -> str:
    """Return values.yaml with the sentence of the schema above each key, for `helm show values`.

    Raises:
        SystemExit: The schema says nothing of a key.
    """
    schema = json.loads((CHART / "values.schema.json").read_text())
    head, *lines = (CHART / "values.yaml").read_text().splitlines()
    written, path = [head], list[str]()
    for line in lines:
        key = _KEY.match(line)
        if line.lstrip().startswith("#"):
            continue  # written anew
        if key:
            path = [*path[: len(key["indent"]) // 2], key["name"]]
            sentence = _description(schema, path)
            if sentence is None:
                raise SystemExit(f"chart: values.schema.json says nothing of {'.'.join(path)}")
            indent = f"{key['indent']}# "
            written += textwrap.wrap(
                sentence, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
            )
        written.append(line)
    return "\n".join(written) + "\n"


def readme() -> str:
    """Return the chart's README, which `helm show readme` and Artifact Hub show."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    head = README_HEAD.format(
        description=chart["description"],
        version=chart["version"],
        kubernetes=chart["kubeVersion"].strip(">=").partition("-")[0].removesuffix(".0") + " or newer",
        docs=DOCS,
    )
    return f"{head}{values_table()}\n"


def docs_with_table() -> str:
    """Return docs/install.md with a fresh table."""
    before, rest = (ROOT / "docs" / "install.md").read_text().split(TABLE_BEGIN)
    _, after = rest.split(TABLE_END)
    return f"{before}{TABLE_BEGIN}\n{values_table()}\n{TABLE_END}{after}"


GENERATED: dict[str, Callable[[], str]] = {
    "charts/imagejobs/files/admission.yaml": lambda: copy_of("admission.yaml"),
    "charts/imagejobs/files/crd.yaml": lambda: copy_of("crd.yaml"),
    "charts/imagejobs/values.yaml": commented_values,
    "charts/imagejobs/files/defaults.yaml": lambda: (CHART / "values.yaml").read_text(),
    "charts/imagejobs/files/rbac-claims.yaml": lambda: copy_of("rbac-claims.yaml"),
    "charts/imagejobs/files/rbac-operator.yaml": lambda: copy_of("rbac-operator.yaml"),
    "charts/imagejobs/files/rbac-operator-lease.yaml": lambda: copy_of("rbac-operator-lease.yaml"),
    "charts/imagejobs/files/rbac-operator-namespaces.yaml": lambda: copy_of("rbac-operator-namespaces.yaml"),
    "charts/imagejobs/README.md": readme,
    "docs/install.md": docs_with_table,
    "manifests/install.yaml": install_manifest,
}
"""File -> the function that makes its text; in the order in which they are written."""


def stale(path: str) -> bool:
    """Return whether a generated file differs from its source."""
    file = ROOT / path
    return not file.exists() or file.read_text() != GENERATED[path]()


def _description(schema: dict[str, Any], path: list[str]) -> str | None:
    """Return the sentence of a value, "" for what lies in an object of Kubernetes; None if there is none."""
    node = schema
    for name in path:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if name not in node.get("properties", {}):
            return (
                "" if "additionalProperties" in node and node["additionalProperties"] is not False else None
            )
        node = node["properties"][name]
    return node.get("description")


def _values(
    schema: dict[str, Any], node: dict[str, Any], default: Any, path: str
) -> Iterator[tuple[str, Any, str]]:
    for name, child in node["properties"].items():
        value = default.get(name, child.get("default")) if isinstance(default, dict) else None
        where = f"{path}{name}"
        if "properties" in child:
            yield from _values(schema, child, value, f"{where}.")
        elif name != "global":
            yield where, value, child["description"]


def _shown(value: Any) -> str:
    return "" if value in ("", None, [], {}) else f"`{json.dumps(value)}`"


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only name what is out of date")
    only_check = parser.parse_args().check
    found = 0
    for path in filter(stale, GENERATED):  # one after the other: the last is made of the first
        found += 1
        if not only_check:
            (ROOT / path).write_text(GENERATED[path]())
        sys.stdout.write(f"{'out of date' if only_check else 'written'}: {path}\n")
    return 1 if only_check and found else 0


if __name__ == "__main__":
    raise SystemExit(main())
