"""Installs the programs that the worker is compared with, at fixed versions; git ignores their folder."""

import shutil
import subprocess
import sys
from pathlib import Path

SHARP = "0.35.5"
SERVER = (
    f"sharp@{SHARP}",
    "busboy@1.6.0",
    "@aws-sdk/client-s3@3.1169.0",
    "@aws-sdk/s3-request-presigner@3.1169.0",
)
VIPS = ("pyvips==3.2.0", "pyvips-binary==8.18.7")
HERE = Path(__file__).parent


def sharp(cache: Path) -> list[str] | None:
    """Return the command that runs sharp, None without Node."""
    node = _with_modules(cache / "sharp", f"sharp@{SHARP}")
    return node and [node, str(HERE / "through_sharp.js"), str(cache / "sharp/node_modules/sharp")]


def server(cache: Path) -> list[str] | None:
    """Return the command that serves sharp over HTTP and stores in S3, None without Node.

    Its further arguments are described in `through_server.js`.
    """
    node = _with_modules(cache / "server", *SERVER)
    return node and [node, str(HERE / "through_server.js"), str(cache / "server/node_modules")]


def vips(cache: Path) -> list[str]:
    """Return the command that runs pyvips."""
    python = cache / "vips/bin/python"
    if not (cache / "vips/ready").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(cache / "vips"))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *VIPS)
        (cache / "vips/ready").touch()
    return [str(python), str(HERE / "through_vips.py")]


def worker(plain: bool = False) -> list[str]:
    """Return the command that runs the worker's own step; `plain` is without the SIMD resizer."""
    return [sys.executable, str(HERE / "through_worker.py"), "plain" if plain else "simd"]


def _with_modules(home: Path, *modules: str) -> str | None:
    """Install modules, once, and return the path of Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    if not (home / "ready").exists():
        home.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
        _run(npm, "install", "--prefix", str(home), *quiet, *modules)
        (home / "ready").touch()
    return node


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)
