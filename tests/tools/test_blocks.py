"""Every block of code in the papers can be read by what it is written for; YAML is what it says that it is.

Commands for a cluster run in tests/controlplane/test_papers.py, calls of the API in tests/api/docspage.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import missing
from imagejobs_api.callers import keyring
from imagejobs_api.presets import presets_file
from support.cluster import chart_render
from support.cluster.chart_render import CHART
from support.papers import Block, blocks, listed, spans

BLOCKS = blocks()
LANGUAGES = {"sh", "yaml", "json", "console", "text", "http", "python", "js"}
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = SCHEMA["properties"].keys()
PROGRAMS = {
    ".venv/bin/python", "awk", "cd", "curl", "cut", "do", "done", "echo", "export", "for", "git", "grep",
    "helm", "imagejobs", "jq", "kill", "kubectl", "make", "openapi-python-client", "openssl", "pip", "pipx",
    "python", "redis-cli", "sleep", "sort", "until", "uvx",
}  # fmt: skip
"""The first words of commands in the papers; another one is perhaps a mistake."""


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def each(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", of(*languages), ids=lambda block: block.id)


def test_every_block_says_what_it_is() -> None:
    assert [block.id for block in BLOCKS if block.language not in LANGUAGES] == []
    assert {"sh", "yaml", "json"} <= {block.language for block in BLOCKS}


@each("sh")
def test_bash_reads_it_and_knows_its_commands(block: Block) -> None:
    run = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    whole = re.sub(r"\\\n", " ", re.sub(r"'[^']*'", "''", block.text))
    begins = [re.sub(r"^(\w+=(\$\([^)]*\)|\S*) )+", "", line) for line in whole.splitlines()]
    words = {line.split()[0] for line in begins if line.strip() and line.lstrip()[0] not in "#|"}
    assert words <= PROGRAMS


@each("json")
def test_json_is_json(block: Block) -> None:
    assert isinstance(json.loads(block.text.replace(", …", "")), dict)  # further fields were left out


@each("python")
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.id, "exec")


@each("js")
def test_node_reads_it(block: Block, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        missing("node")
    file = tmp_path / "block.js"
    file.write_text(block.text)
    subprocess.run(["node", "--check", str(file)], check=True, capture_output=True)


@each("yaml")
def test_yaml_is_read_by_what_it_is_written_for(block: Block, tmp_path: Path) -> None:
    body = yaml.safe_load(block.text)
    if "callers" in body:
        digest = iter("0123456789abcdef")
        whole = re.sub(r"sha256: \S+", lambda _: f"sha256: '{next(digest) * 64}'", block.text)
        assert keyring.read(whole, "jobs").entries
    elif "presets" in body:
        file = tmp_path / "presets.yaml"
        file.write_text(block.text)
        presets_file.read_file(file)
    else:
        assert body.keys() <= VALUES
        if chart_render.helm_missing():
            missing("helm")
        file = tmp_path / "values.yaml"
        file.write_text(block.text)
        assert chart_render.render(*chart_render.case("minimal"), "--values", str(file))


def is_value(path: list[str]) -> bool:
    """Return whether the schema of the values knows a path; it leaves open what Kubernetes defines."""
    node = SCHEMA
    for name in path:
        if "$ref" in node:
            node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
        if name not in node.get("properties", {}):
            return "properties" not in node or bool(node.get("additionalProperties", False))
        node = node["properties"][name]
    return True


@pytest.mark.parametrize(
    "paper",
    [name for name in listed() if re.fullmatch(r"docs/\w[-\w]*\.md", name) and name != "docs/local.md"],
)
def test_every_value_of_the_chart_that_prose_names_exists(paper: str) -> None:
    named = [re.match(r"([a-z]\w*(?:\.\w+)+)(?:=.*)?$", span) for span in spans(paper)]
    paths = [found[1].split(".") for found in named if found]
    assert [path for path in paths if path[0] in VALUES and not is_value(path)] == []


def test_a_value_that_does_not_exist_is_found() -> None:
    assert is_value(["pool", "resources", "limits"])
    assert is_value(["jobs", "profiles", "Small"])
    assert not is_value(["pool", "workers"])
