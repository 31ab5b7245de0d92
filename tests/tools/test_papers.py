"""The papers: each file that they name exists, and each link in them leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.splitlines()
PAPERS = [name for name in LISTED if name.endswith(".md") and (ROOT / name).exists()]
MODULES = {Path(name).name for name in LISTED}


def prose(paper: str) -> str:
    """Return the text of a paper without its blocks of code."""
    return re.sub(r"^```.*?^```", "", (ROOT / paper).read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(paper: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", paper.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_link_leads_to_a_file_and_a_heading(paper):
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(paper)):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (ROOT / paper).parent / name if name else ROOT / paper
        if not found.exists() or (anchor and anchor not in anchors(found)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("paper", [name for name in PAPERS if name != "CHANGELOG.md"])
def test_every_module_that_is_named_exists(paper):
    named = set(re.findall(r"(?<![\w<>{}*])[\w/]+\.py\b", prose(paper)))
    whole = {name for name in named if name.startswith("tests/")}
    lost = {name for name in whole if name not in LISTED}
    lost |= {name for name in named - whole if Path(name).name not in MODULES}
    assert lost == set()
