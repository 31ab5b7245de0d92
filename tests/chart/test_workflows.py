"""The GitHub workflows are valid, and a release pushes every image that its chart can name."""

import importlib.util
import re
import shutil
import subprocess

import pytest

from conftest import missing
from support.cluster.chart_render import CHART

ROOT = CHART.parents[1]


def images():
    """Return the names of the images that tools/images.py builds."""
    spec = importlib.util.spec_from_file_location("images_tool", ROOT / "tools" / "images.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return set(module.IMAGES)


def test_actionlint_finds_nothing():
    if shutil.which("actionlint") is None:
        missing("actionlint")
    run = subprocess.run(
        ["actionlint", *sorted((ROOT / ".github" / "workflows").glob("*.yaml"))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_image_that_the_chart_can_name_is_built():
    named = set()
    for path in (CHART / "templates").rglob("*"):
        found = re.findall(
            r'"imagejobs\.image" \(list \. "(\w+)"(?: \(ternary "(-\w+)")?',
            path.read_text() if path.is_file() else "",
        )
        named |= {f"imagejobs-{name}{kind}" for name, suffix in found for kind in {"", suffix}}
    assert named == images()


@pytest.mark.parametrize("version", ["1.2.3", "2.0.0-rc.1"])
def test_a_releases_version_and_registry_are_written_into_the_chart(tmp_path, version):
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHART, tmp_path / "charts" / "imagejobs")
    subprocess.run([tmp_path / "tools" / "version", version, "registry.example.com/shop"], check=True)
    command = [
        "helm",
        "template",
        "imagejobs",
        str(tmp_path / "charts" / "imagejobs"),
        "--set",
        "dev.enabled=true",
    ]
    rendered = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    used = set(re.findall(r"image: (\S+)", rendered))
    assert used == {
        f"registry.example.com/shop/imagejobs-{name}:{version}"
        for name in ("api", "operator", "worker", "dev")
    }


@pytest.mark.parametrize("version", ["", "v1.2.3", "1.2", "1.2.3; true"])
def test_what_is_no_version_is_refused(version):
    run = subprocess.run([ROOT / "tools" / "version", version], capture_output=True, text=True, check=False)
    assert run.returncode != 0


def test_workers_that_find_faces_have_all_that_the_others_have():
    usual = re.search(r"^ARG EXTRAS=(\S+)$", (ROOT / "worker" / "Dockerfile").read_text(), re.MULTILINE)[1]
    built = re.search(r'"EXTRAS=([^"]+)"', (ROOT / "tools" / "images.py").read_text())[1]
    assert built == f"{usual},face"
