"""Checks that everything from outside is pinned: actions by commit, packages by hash, Go modules by sum.

Prints each fault with its file and line, and exits with 1 if there is one. The base of the images is the one
thing whose digest is not written down: a release resolves it once and builds all images from it
(tools/images.py). Dependabot keeps the pins new; a folder that it does not watch is a fault.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
_PINNED_ACTION = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} +# v\d+(\.\d+)*")
_BASE = re.compile(r"\$\{BASE_IMAGE\}|\S+@sha256:[0-9a-f]{64}")


def find_faults(root: Path) -> Iterator[str]:
    """Yield each fault of the repository under `root`, as `file:line: what`."""
    yield from _unpinned_actions(root)
    yield from _unpinned_bases(root)
    yield from _unhashed_packages(root)
    yield from _unsummed_modules(root)
    yield from _unwatched_folders(root)


def _lines(root: Path, *patterns: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of all matching files, each with its place."""
    for path in sorted(each for pattern in patterns for each in root.glob(pattern)):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield f"{path.relative_to(root)}:{number}", line


def _unpinned_actions(root: Path) -> Iterator[str]:
    for place, line in _lines(root, ".github/workflows/*.yaml", ".github/actions/*/action.yaml"):
        found = re.match(r"\s*(?:- )?uses: *([^./].+)", line)  # what begins with a dot is ours
        if found and not _PINNED_ACTION.fullmatch(found[1].strip()):
            yield f"{place}: {found[1]} is not pinned to a commit, with its version behind it"


def _unpinned_bases(root: Path) -> Iterator[str]:
    for place, line in _lines(root, "*/Dockerfile", "charts/*/Dockerfile"):
        found = re.match(r"FROM +(\S+)", line)
        if found and not _BASE.fullmatch(found[1]):
            yield f"{place}: {found[1]} is neither BASE_IMAGE nor an image by its digest"


def _unhashed_packages(root: Path) -> Iterator[str]:
    wanted = None
    for place, line in _lines(root, "requirements.lock", "tests/*/*/requirements.lock"):
        if line[:1].isalnum():
            if wanted:
                yield f"{wanted} has no hash"
            wanted = f"{place}: {line.split()[0]}"
            if "==" not in line:
                yield f"{wanted} has no version"
        elif "--hash=sha256:" in line:
            wanted = None
    if wanted:
        yield f"{wanted} has no hash"


def _unsummed_modules(root: Path) -> Iterator[str]:
    for module in sorted(root.glob("tests/*/*/go.mod")):
        if not module.with_name("go.sum").is_file():
            yield f"{module.relative_to(root)}:1: has no go.sum"


def _unwatched_folders(root: Path) -> Iterator[str]:
    config = root / ".github" / "dependabot.yml"
    if not config.is_file():
        yield ".github/dependabot.yml:1: is missing"
        return
    watched = {
        (update["package-ecosystem"], folder.strip("/"))
        for update in yaml.safe_load(config.read_text())["updates"]
        for folder in update.get("directories", [update.get("directory", "")])
    }
    used = {("github-actions", "")}
    used |= {
        ("docker", _folder(root, each))
        for each in [*root.glob("*/Dockerfile"), *root.glob("charts/*/Dockerfile")]
    }
    used |= {("gomod", _folder(root, each)) for each in root.glob("tests/*/*/go.mod")}
    used |= {("pip", _folder(root, each)) for each in root.glob("tests/*/*/requirements.lock")}
    used |= {
        ("npm", _folder(root, each))
        for each in [*root.glob("*/package-lock.json"), *root.glob("tests/*/*/package-lock.json")]
    }
    used |= {("pip", "")}
    for ecosystem, folder in sorted(used - watched):
        yield f".github/dependabot.yml:1: does not watch {ecosystem} in /{folder}"


def _folder(root: Path, file: Path) -> str:
    return str(file.parent.relative_to(root))


def main() -> int:
    """Print the faults; return the exit code."""
    faults = list(find_faults(ROOT))
    sys.stderr.write("".join(f"{fault}\n" for fault in faults))
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
