"""The blocks of code in the papers."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        paper: Its file, from the root.
        line: Number of its first line.
    """

    paper: str
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """Return the name of the block in the list of tests."""
        return f"{self.paper}:{self.line}"


def listed() -> list[str]:
    """Return the files of the repository, from its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return run.stdout.splitlines()


def blocks() -> list[Block]:
    """Return the blocks of all papers."""
    papers = [name for name in listed() if name.endswith(".md") and (ROOT / name).exists()]
    return [block for paper in papers for block in _blocks_of(paper)]


def spans(paper: str) -> list[str]:
    """Return what stands between backticks in the prose of a paper."""
    prose = re.sub(r"^ *```.*?^ *```$", "", (ROOT / paper).read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose)


def _blocks_of(paper: str) -> Iterator[Block]:
    text = (ROOT / paper).read_text()
    for found in _BLOCK.finditer(text):
        lines = [each.removeprefix(found["indent"]) for each in found["text"].splitlines(keepends=True)]
        line = text.count("\n", 0, found.start()) + 2
        yield Block(paper, line, found["language"], "".join(lines))
