"""`python -m imagejobs_api.first_secrets`: fills the Secrets that the environment names.

An error is one line on stderr.
"""

import asyncio
import os
import sys

from imagejobs_api.first_secrets.fill import Names, fill
from imagejobs_contract.errors import Conflict, Misconfigured, NotFound, Unavailable
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import settings
from imagejobs_contract.stores import kubernetes_calls

MAX_NAME = 253
MAX_LIST = 100_000


def _read(reader: Reader) -> tuple[Names, str | None]:
    def name(variable: str) -> str:
        return reader.text(variable, MAX_NAME, default="") or ""

    copies = reader.text("TRY_OUT_COPIES", MAX_LIST, default="") or ""
    names = Names(
        namespace=name("NAMESPACE"),
        key=name("KEY_SECRET"),
        callers=name("CALLERS_SECRET"),
        watch=name("WATCH_SECRET"),
        try_out=name("TRY_OUT_SECRET"),
        try_out_redis=name("TRY_OUT_REDIS"),
        try_out_copies=tuple(copies.split(",")) if copies else (),
    )
    return names, reader.text("KUBECONFIG", MAX_LIST)


async def _run(names: Names, kubeconfig: str | None) -> None:
    client = await kubernetes_calls.connect(kubeconfig)
    try:
        await fill(client, names)
    finally:
        await client.close()


def main() -> int:
    """Fill the Secrets and return the exit code: 0, or 1 if the Kubernetes API refuses or does not answer."""
    names, kubeconfig = settings.read(os.environ, _read)
    try:
        asyncio.run(_run(names, kubeconfig))
    except (Conflict, Misconfigured, NotFound, Unavailable) as ex:
        sys.stderr.write(f"{ex}\n")
        return 1
    sys.stdout.write(f"the secrets of {names.namespace} are there\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
