"""Runs schemathesis against an API: it makes requests from the OpenAPI document and checks the answers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagejobs_api.callers import api_keys
from support.servers import local_stack
from support.servers.image_server import image_site

FUZZ = Path(__file__).parents[2] / "fuzz"


@contextmanager
def target(folder: Path) -> Iterator[dict[str, str]]:
    """Run a stack with a caller and a site of images; yield the environment that `fuzz` needs."""
    key = api_keys.new_key()
    callers = folder / "callers.yaml"
    callers.write_text(f"callers: [{{name: fuzz, keys: [{{sha256: {api_keys.digest(key)}}}]}}]\n")
    with image_site() as site:
        site.bodies |= {"/photo.jpg": local_stack.photo(64, 48), "/notes.txt": b"no image"}
        environ = {
            "CALLERS_FILE": str(callers),
            "ALLOWED_PRIVATE_SOURCES": "127.0.0.0/8",
            "ALLOWED_PORTS": f"443,{site.port}",
            "DEFAULT_WAIT_SECONDS": "1",
        }
        with local_stack.running(folder / "data", "--workers", "1", environ=environ) as stack:
            yield {
                "FUZZ_FOLDER": str(folder),
                "FUZZ_URL": stack.url,
                "FUZZ_KEY": key,
                "FUZZ_SITE": site.url(""),
            }


def fuzz(
    environ: dict[str, str], *options: str, document: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with these options; its exit code is 0 if nothing was found.

    Args:
        document: Instead of the server's own.
    """
    place = (
        [document, "--url", environ["FUZZ_URL"]] if document else [f"{environ['FUZZ_URL']}/api/openapi.json"]
    )
    command = [
        Path(sys.executable).with_name("schemathesis"), "--config-file", FUZZ / "schemathesis.toml", "run",
        *place,
        "--header", f"Authorization: Bearer {environ['FUZZ_KEY']}", "--checks", "all", "--warnings", "off",
        *options,
    ]  # fmt: skip
    more = {"SCHEMATHESIS_HOOKS": "api_hooks", "PYTHONPATH": str(FUZZ), "NO_COLOR": "1"}
    # It keeps what it found in the folder where it runs, and tries that first the next time.
    return subprocess.run(
        command,
        env=os.environ | environ | more,
        cwd=environ["FUZZ_FOLDER"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
