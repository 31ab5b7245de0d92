"""checkov finds nothing in chart, Dockerfiles and workflows except the listed checks, each still needed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import missing
from support.cluster import chart_render
from support.cluster.chart_render import CHART, case, render

ROOT = CHART.parents[1]
COMPONENTS = ("api", "operator", "pool", "bucket", "secrets", "test", "dev-s3", "dev-valkey")
REASONS = {
    "CKV_K8S_11": (
        COMPONENTS,
        "a CPU limit throttles an image while cores are idle; requests share the cores, memory is bounded",
    ),
    "CKV_K8S_15": (
        COMPONENTS,
        "a version never moves, and Always needs the registry for every pod; image.pullPolicy sets it",
    ),
    "CKV_K8S_35": (
        ("api", "operator", "pool", "bucket", "test", "dev-valkey"),
        "the S3 library takes keys as variables; API keys are files, and the sandbox has no environment",
    ),
    "CKV_K8S_38": (
        ("api", "operator", "secrets"),
        "they speak to the Kubernetes API; all others have no token",
    ),
    "CKV_K8S_43": (
        COMPONENTS,
        "a chart cannot know digests of images that are built of the same commit; image.digests pins them",
    ),
    "CKV_K8S_8": (
        ("test", "dev-valkey"),
        "the test pod runs once and ends; the try-out's Valkey has a readiness probe of its port",
    ),
    "CKV_K8S_9": (("test",), "it runs once and has an end"),
    "CKV_DOCKER_7": (
        ("api", "operator", "worker", "dev"),
        "the base comes as an argument, whose default has a tag",
    ),
    "CKV_DOCKER_2": (
        ("worker", "dev"),
        "one image for two uses each, which are not alive by the same sign; the probes stand in the chart",
    ),
}
"""Check -> the components that do not follow it, and why."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory) -> set[tuple[str, str]]:
    """Run it once over everything, as a start takes seconds; pairs of check and component."""
    if shutil.which("checkov") is None:
        missing("checkov")
    folder = tmp_path_factory.mktemp("rendered")
    for name in chart_render.CASES:
        text = chart_render.helm(
            "template", "imagejobs", str(CHART), "--namespace", "pictures", *case(name)
        ).stdout
        (folder / f"{name}.yaml").write_text(text)
    for path in (*ROOT.glob("*/Dockerfile"), ROOT / "charts" / "dev" / "Dockerfile"):
        (folder / path.parent.name).mkdir()
        shutil.copy(path, folder / path.parent.name)
    shutil.copytree(ROOT / ".github", folder / ".github")
    command = [
        "checkov",
        "--directory",
        str(folder),
        "--framework",
        "kubernetes",
        "dockerfile",
        "github_actions",
        "--output",
        "json",
        "--compact",
    ]
    command += ["--quiet", "--skip-download", "--soft-fail"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    reports = json.loads(run.stdout)
    assert {each["check_type"] for each in reports} == {"kubernetes", "dockerfile", "github_actions"}
    assert all(each["summary"]["passed"] > 10 and not each["summary"]["parsing_errors"] for each in reports)
    return {
        (found["check_id"], component(found))
        for each in reports
        for found in each["results"]["failed_checks"]
    }


def component(found: dict[str, str]) -> str:
    """Return whose finding it is."""
    if found["file_path"].endswith("Dockerfile"):
        return Path(found["file_path"]).parent.name
    name = found["resource"].rpartition(".")[2]
    made = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for n in chart_render.CASES
        for each in render(*case(n))
    }
    return made[name]["app.kubernetes.io/component"]


def test_checkov_finds_nothing_that_has_no_reason(findings):
    allowed = {(check, name) for check, (names, _) in REASONS.items() for name in names}
    assert findings - allowed == set()


def test_no_exception_for_checkov_has_outlived_its_reason(findings):
    allowed = {(check, name) for check, (names, _) in REASONS.items() for name in names}
    assert allowed - findings == set()
