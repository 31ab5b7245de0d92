"""Installs each member alone, as a wheel with its declared dependencies, and imports all its modules.

So no member uses a dependency that only another member declares.

Versions come from requirements.lock. `__main__` is left out: importing it would start the program.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MEMBERS: Mapping[str, tuple[str, str]] = {
    "contract": ("imagejobs-contract[http,kubernetes,links,metrics,otel,redis,s3]", "imagejobs_contract"),
    "api": ("imagejobs-api", "imagejobs_api"),
    "operator": ("imagejobs-operator[kubernetes]", "imagejobs_operator"),
    "worker": ("imagejobs-worker", "imagejobs_worker"),
    "cli": ("imagejobs[local]", "imagejobs"),
}
"""Folder -> the requirement that is installed, and the package that is imported."""

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(f"{package.__name__}: {len(names) + 1} modules")
"""


def main() -> int:
    """Try every member; return the number of failures."""
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder) / "wheels"
        for member in MEMBERS:
            run(BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=ROOT / member)
        return sum(not stands_alone(member, wheels, Path(folder) / member) for member in MEMBERS)


def stands_alone(member: str, wheels: Path, venv: Path) -> bool:
    """Install one member into a fresh environment and import all its modules; return whether that works."""
    wanted, package = MEMBERS[member]
    uv, python = BIN / "uv", venv / "bin" / "python"
    try:
        run(uv, "venv", "--quiet", "--python", sys.executable, venv, cwd=ROOT)
        install: list[str | Path] = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--find-links",
            wheels,
            "--constraint",
            "requirements.lock",
            wanted,
        ]
        run(*install, cwd=ROOT)
        sys.stdout.write("alone: " + run(python, "-c", IMPORT_ALL, package, cwd=venv))
    except subprocess.CalledProcessError as ex:
        sys.stdout.write(f"alone: {member} does not stand alone:\n{ex.stdout}{ex.stderr}")
        return False
    return True


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command and return its output."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
