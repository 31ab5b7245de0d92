"""Every shell block about a cluster runs, by the real kubectl and helm, on an API server with a release.

What would change something is asked as a dry run of the server, so that the blocks do not depend on each
other. There is no node here: what needs one (logs, port-forward, `helm test`) is only read by its program.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conftest import missing
from support.cluster import chart_render, releases
from support.cluster.chart_render import CHART
from support.cluster.client import ControlPlane
from support.cluster.control_plane import running_for_tests
from support.operator.cluster import Cluster
from support.papers import ROOT, Block, blocks, listed, spans

ELSEWHERE = {
    "README.md": "one machine, played by tests/api/docspage",
    "docs/api.md": "calls of the API, played by tests/api/docspage",
    "docs/local.md": "one machine",
    "docs/callers.md": "one call of the API, at an address that does not exist",
    "docs/chaos.md": "programs of this repository, played by tests/chaos",
    "docs/cli.md": "a client of a server, played by tests/cli",
}
"""Papers whose shell blocks are no commands for a cluster, and why."""
MENTIONED = {
    "helm --wait": "no command",
    "kubectl create -f -": "reads what the reader has copied",
    "kubectl apply --server-side": "a way to apply, not a command",
    "kubectl apply --server-side --kustomize manifests": "run by test_gitops.py",
    'kubectl --namespace imagejobs logs deployment/imagejobs-operator | grep "reconcile failed"': "no node",
    "kubectl get job NAME -o yaml": "of a Job that somebody suspended: there is none",
}
"""Commands with options in prose that are not run, and why."""
FOUND = [each for each in blocks() if each.language == "sh" and each.paper not in ELSEWHERE]
INLINE = sorted(
    {
        (paper, span.replace("\\|", "|"))
        for paper in listed()
        if paper.startswith("docs/") and paper.endswith(".md")
        for span in spans(paper)
        if re.match(r"(kubectl|helm) .*-", span)
    }
)
"""Commands in prose, such as in tables of symptoms."""
VALUES = {"s3": {"bucket": "pictures", "existingSecret": "imagejobs-s3"}, "redis": {"existingSecret": "r"}}
DRY = """\
#!/bin/bash
# Runs the real kubectl; what changes something is a dry run. There is no node: what needs one is only read.
where=(--namespace imagejobs)
change=()
for word in "$@"; do
  case "$word" in
    --) break ;;
    create|delete|patch|apply|replace) change=(--dry-run=server) ;;
    logs|exec|port-forward|wait) change=(--help) ;;
    -n|--namespace|-A|--all-namespaces) where=() ;;
  esac
done
words=()
for word in "$@"; do
  [[ "$word" == -- ]] && words+=("${{change[@]}}") && change=()
  words+=("${{word//NAME/nightly}}")
done
said=$({kubectl} "${{where[@]}}" "${{words[@]}}" "${{change[@]}}" 2>&1); code=$?
printf '%s\\n' "$said"
# A block that makes what the release here has already is right.
[[ $code -ne 0 && "$said" == *"already exists"* && "$said" != *$'\\n'* ]] && exit 0
exit $code
"""
HELM = """\
#!/bin/bash
# Runs the real helm over this repository's chart; what changes something is a dry run.
words=()
for word in "$@"; do
  case "$word" in
    oci://*) word=charts/imagejobs ;;
    --wait) continue ;;
  esac
  words+=("$word")
done
for word in "$@"; do
  case "$word" in
    install|upgrade) words+=(--dry-run=server); break ;;
    uninstall) words+=(--dry-run); break ;;
    test) words+=(--help); break ;;
  esac
done
exec {helm} "${{words[@]}}"
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start a control plane of its own, with a release and an ImageJob in the namespaces of the papers."""
    if chart_render.helm_missing():
        missing("helm")
    folder = tmp_path_factory.mktemp("papers")
    with running_for_tests(folder) as plane:
        for name in ("imagejobs", "argocd"):
            plane.kubectl("create", "namespace", name)
        plane.kubectl("create", "configmap", "argocd-cm", "-n", "argocd")
        (folder / "values.yaml").write_text(yaml.safe_dump(VALUES))
        releases.helm(
            plane, "imagejobs", "install", "imagejobs", str(CHART), "--values", str(folder / "values.yaml"),
            "--take-ownership", "--force-conflicts",
        )  # fmt: skip
        # As the Job of the chart does, for which there is no node.
        plane.kubectl(
            "patch", "secret", "imagejobs-key", "-n", "imagejobs", "-p", '{"data": {"API_KEY": "aWpr"}}'
        )
        Cluster(plane, "imagejobs", {}).create("nightly", {"items": [{"key": "in/a.jpg"}]})
        yield plane


@pytest.fixture(scope="module")
def folder(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader of the papers stands: in the repository, with files of their own."""
    found = tmp_path_factory.mktemp("reader")
    for name in ("charts", "manifests"):
        (found / name).symlink_to(ROOT / name)
    (found / "values.yaml").write_text(yaml.safe_dump(VALUES))
    (found / "callers.yaml").write_text("callers: []\n")
    (found / "bin").mkdir()
    for name, text in (("kubectl", DRY), ("helm", HELM)):
        program = found / "bin" / name
        program.write_text(text.format(kubectl=shutil.which("kubectl"), helm=shutil.which("helm")))
        program.chmod(0o755)
    return found


@pytest.mark.parametrize("block", FOUND, ids=lambda block: block.id)
def test_its_commands_run(block: Block, plane: ControlPlane, folder: Path) -> None:
    for program in ("jq", "openssl"):
        if program in block.text and shutil.which(program) is None:
            missing(program)
    environ = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "KUBECONFIG": str(plane.kubeconfig),
        "HELM_NAMESPACE": "imagejobs",
    }
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, f"{block.text}\n{run.stdout}\n{run.stderr}"


@pytest.mark.parametrize(("paper", "command"), [each for each in INLINE if each[1] not in MENTIONED])
def test_a_command_in_prose_runs(paper: str, command: str, plane: ControlPlane, folder: Path) -> None:
    test_its_commands_run(Block(paper, 0, "sh", command), plane, folder)


def test_a_command_that_is_wrong_is_found(plane: ControlPlane, folder: Path) -> None:
    """Or the test above proves nothing."""
    for wrong in (
        "kubectl get imagejob nightly --namespace imagejobs --no-such-flag",
        "kubectl logs deployment/imagejobs-operator --no-such-flag",
        "kubectl --namespace imagejobs describe imagejob nobodys",
        "helm upgrade imagejobs charts/imagejobs --reuse-values --set api.callers.existing=a",
    ):
        with pytest.raises(AssertionError):
            test_its_commands_run(Block("a", 1, "sh", wrong), plane, folder)


def test_all_that_is_left_out_exists() -> None:
    assert MENTIONED.keys() <= {command for _, command in INLINE}
    papers = {each.paper for each in blocks() if each.language == "sh"}
    assert ELSEWHERE.keys() <= papers
    assert {"docs/install.md", "docs/upgrade.md", "docs/gitops.md", "docs/troubleshooting.md"} <= {
        each.paper for each in FOUND
    }
