"""Checks that no other tool makes: names of files, lengths of papers, sizes of packages, forbidden words."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = ("contract", "api", "operator", "worker", "cli")
MAX_PAPER_LINES = {"README.md": 150, "ARCHITECTURE.md": 200}
"""Lines that a paper may have; longer ones are not read."""
MAX_MODULES = 20
"""Modules that may lie beside each other in a folder; a larger one is parted into packages."""
ROOMS = (*(f"{member}/src" for member in MEMBERS), "tests/support")
"""Folders below which every folder is held to `MAX_MODULES`."""
VAGUE = frozenset({"utils", "util", "helpers", "helper", "common", "base", "misc"})
"""Names that do not say what is inside."""
PICTURES = frozenset(
    {
        Path("cli/src/imagejobs/local/sample.jpg"),
        Path("docs/page-chosen.png"),
        Path("docs/page-done.png"),
        Path("docs/page-picture.png"),
    }
)
"""Files that may be something else than text."""
ENVIRON_HOME = "__main__.py"
"""The only file of a program that reads the environment; it hands the environment to the others."""

# Put together here, so that this file does not hold them.
WORDS = {
    "a registry's host": "|".join(
        re.escape(host.replace("_", "."))
        for host in ("pypi_org", "files_pythonhosted_org", "registry_npmjs_org", "proxy_golang_org")
    ),
    "a path of one machine": r"(?<![\w./])/(?:work|root|home/(?!me\b)\w+|Users/\w+)/\w",
    "a merge mark": "^(?:" + "<" * 7 + "|" + ">" * 7 + ") ",
}


def main() -> int:
    """Print every fault; return 1 if there is one."""
    faults = sorted(check(list(tracked())))
    sys.stdout.writelines(f"layout: {fault}\n" for fault in faults)
    return 1 if faults else 0


def tracked() -> Iterator[Path]:
    """Yield every file that git has or would take, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            yield Path(name)


def check(paths: Sequence[Path]) -> Iterator[str]:
    """Yield one line per fault."""
    yield from misplaced(paths)
    yield from too_long()
    yield from crowded(paths)
    yield from numbered_twice(paths)
    for path in paths:
        yield from wrong_words(path)


def misplaced(paths: Iterable[Path]) -> Iterator[str]:
    """Yield files that must not lie where they lie, or not have the name that they have."""
    for path in paths:
        if path == Path("operator/__init__.py"):
            yield f"{path}: hides Python's own operator module; operator/ is a folder, not a package"
        if path.name == "__init__.py" and path.parts[0] == "tests":
            yield f"{path}: tests are no package (pytest runs with --import-mode=importlib)"
        if path.suffix == ".py" and VAGUE & {path.stem, path.parent.name}:
            yield f"{path}: the name does not say what is inside"


def too_long() -> Iterator[str]:
    """Yield papers with too many lines."""
    for name, bound in MAX_PAPER_LINES.items():
        lines = len((ROOT / name).read_text().splitlines())
        if lines >= bound:
            yield f"{name}: {lines} lines, fewer than {bound} are wanted"


def crowded(paths: Iterable[Path]) -> Iterator[str]:
    """Yield folders with too many modules beside each other."""
    modules = Counter(
        path.parent
        for path in paths
        if path.suffix == ".py"
        and path.name != "__init__.py"
        and any(path.is_relative_to(room) for room in ROOMS)
    )
    yield from (
        f"{folder}: {count} modules beside each other, at most {MAX_MODULES} are wanted"
        for folder, count in modules.items()
        if count > MAX_MODULES
    )


def numbered_twice(paths: Iterable[Path]) -> Iterator[str]:
    """Yield decisions that share a number with another: they were written at the same time."""
    numbers = sorted(
        (path.name[:4], path) for path in paths if path.parent == Path("docs/adr") and path.name[:4].isdigit()
    )
    yield from (
        f"{path}: there is a decision {number} before it"
        for (before, _), (number, path) in pairwise(numbers)
        if before == number
    )


def wrong_words(path: Path) -> Iterator[str]:
    """Yield the words and the calls that a file must not hold."""
    try:
        text = (ROOT / path).read_text()
    except UnicodeDecodeError:
        if path not in PICTURES:
            yield (
                f"{path}: is no text; files that are built or downloaded have no place here, "
                "and pictures are made by the tests"
            )
        return
    for name, pattern in WORDS.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: holds {name}: {match[0]}"
    if (
        path.parts[0] in MEMBERS
        and path.suffix == ".py"
        and path.name != ENVIRON_HOME
        and re.search(r"(?<!`)\bos\.(environ|getenv)\b", text)
    ):
        yield f"{path}: reads the environment; only {ENVIRON_HOME} does"


if __name__ == "__main__":
    sys.exit(main())
