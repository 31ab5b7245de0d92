"""Everything from outside is pinned, and the check sees what is not."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import missing

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def supply():
    spec = importlib.util.spec_from_file_location("supply_tool", ROOT / "tools" / "supply.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path):
    """A copy of what is checked, to be broken."""
    for name in (".github", "tests/programs", "api/Dockerfile", "requirements.lock"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path


def test_this_repository_is_pinned(supply):
    assert list(supply.find_faults(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            ".github/workflows/ci.yaml",
            "@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
            "@v4",
            "not pinned",
        ),
        (".github/workflows/ci.yaml", " # v4.2.2", "", "not pinned"),
        (
            "api/Dockerfile",
            "FROM ${BASE_IMAGE} AS build",
            "FROM python:3.13 AS build",
            "python:3.13 is neither",
        ),
        (".github/dependabot.yml", "/tests/programs/kube, ", "", "gomod in /tests/programs/kube"),
        ("tests/programs/zizmor/requirements.lock", "--hash=sha256:", "--hash=md5:", "zizmor"),
        ("tests/programs/zizmor/requirements.lock", "zizmor==1.32.0", "zizmor>=1", "no version"),
    ],
)
def test_what_is_not_pinned_is_found(supply, copy, file, old, new, told):
    assert list(supply.find_faults(copy)) == []
    path = copy / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    faults = list(supply.find_faults(copy))
    assert faults
    assert all(told in fault for fault in faults)


def test_a_module_without_sums_is_found(supply, copy):
    (copy / "tests/programs/lint/go.sum").unlink()
    assert list(supply.find_faults(copy)) == ["tests/programs/lint/go.mod:1: has no go.sum"]


def test_zizmor_finds_nothing():
    if shutil.which("zizmor") is None:
        missing("zizmor")
    run = subprocess.run(
        ["zizmor", "--offline", "--no-progress", ROOT / ".github"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_releases_digests_are_written_into_the_chart(tmp_path):
    names = ("api", "operator", "worker", "worker-faces", "dev")
    (tmp_path / "digests.txt").write_text(
        "".join(f"ghcr.io/shop/imagejobs-{each}@{DIGEST[:-1]}{n}\n" for n, each in enumerate(names))
    )
    shutil.copytree(ROOT / "charts" / "imagejobs", tmp_path / "charts" / "imagejobs")
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "digests", tmp_path / "tools")
    command = [tmp_path / "tools" / "digests", tmp_path / "digests.txt"]
    subprocess.run(command, check=True, timeout=30)
    values = (tmp_path / "charts" / "imagejobs" / "values.yaml").read_text()
    for n, name in enumerate(("api", "operator", "worker", "workerFaces", "dev")):
        assert f'{name}: "{DIGEST[:-1]}{n}"' in values
    (tmp_path / "digests.txt").write_text(f"ghcr.io/shop/imagejobs-api@{DIGEST}\n")
    assert subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 2
