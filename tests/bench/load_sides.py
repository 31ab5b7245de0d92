"""The two sides that the load bench compares: all of `imagejobs local`, and a Node server with sharp.

One SeaweedFS stores for both, so that its version, its bucket and the rule that fsyncs every write are the
same.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import load_client
from load_client import Target
from load_costs import Pids
from support.servers import local_stack

OURS = "imagejobs"
KEEPS = {"both": "node+sharp, both", "result": "node+sharp, result"}
"""Files that the rival stores: original and result as we do, or the result alone."""
WIDTH, QUALITY = 720, 80
BUCKET = "imagejobs"
STORAGE = "seaweedfs"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the contestants.

    Attributes:
        parts: Its processes, without those of the storage, which both sides use.
    """

    name: str
    target: Target
    parts: Pids


def parts(stack: local_stack.LocalStack) -> Pids:
    """Return the processes of a running stack."""
    words = {
        "api": "imagejobs_api",
        "operator": "imagejobs_operator",
        "valkey": "valkey-server",
        STORAGE: "weed",
    }
    workers = [
        pid for pid in local_stack.children(stack.pid) if "imagejobs_worker" in local_stack.command_line(pid)
    ]
    return {name: stack.part(word) for name, word in words.items()} | {
        f"worker-{n}": pid for n, pid in enumerate(sorted(workers), 1)
    }


def ours(stack: local_stack.LocalStack, photo: bytes) -> Side:
    """Return the stack as a contestant."""
    target = load_client.target(f"{stack.url}/api/resize", photo, width=WIDTH, quality=QUALITY, format="jpeg")
    return Side(OURS, target, {name: pid for name, pid in parts(stack).items() if name != STORAGE})


@contextmanager
def rival(command: list[str], stack: local_stack.LocalStack, keeps: str, photo: bytes) -> Iterator[Side]:
    """Run the rival on the stack's storage for the length of the block."""
    arguments = [*command, keeps, stack.fact("S3"), BUCKET]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=_environ(stack)) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            target = load_client.target(
                f"http://127.0.0.1:{port}/resize", photo, width=WIDTH, quality=QUALITY
            )
            yield Side(KEEPS[keeps], target, {"node": process.pid})
        finally:
            process.kill()


def _environ(stack: local_stack.LocalStack) -> Mapping[str, str]:
    credentials = json.loads(Path(stack.data / "s3-credentials.json").read_text())
    keys = {
        "AWS_ACCESS_KEY_ID": credentials["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": credentials["secret_access_key"],
    }
    # Without it the SDK warns at each start about the Node version it will need next year.
    return {**os.environ, **keys, "NODE_NO_WARNINGS": "1"}
