"""Writes docs/settings.md from the code that reads the settings. `--check` only compares.

The readers of the programs are run over an empty environment with a `Reader` that notes what is asked for, so
that no variable can be missed.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from imagejobs_api.settings import Settings as ApiSettings
from imagejobs_contract.model import limits
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.reader import Reader
from imagejobs_operator.settings import Settings as OperatorSettings
from imagejobs_worker.settings import Settings as WorkerSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
PROGRAMS: Mapping[str, Callable[[Reader], object]] = {
    "api": ApiSettings.read,
    "operator": OperatorSettings.read,
    "worker": WorkerSettings.read,
}
MEANINGS = {
    "ALLOWED_PRIVATE_CALLBACKS": "Networks (CIDR) that callbacks may lead to though they are not public; the same in API and operator.",
    "ALLOWED_PRIVATE_SOURCES": "Networks (CIDR) that URLs of images may lead to though they are not public.",
    "ALLOWED_PORTS": "Ports that URLs of images and callbacks may lead to: numbers and ranges with commas between them.",
    "ALLOWED_HOSTS": "Hosts under which the API answers, `*.example.org` for all below one. Without it any, or, where LISTEN is "
    "loopback and callers need no key, this machine's own names. Probes are always answered.",
    "ALLOW_ANONYMOUS": "Lets LISTEN be an address that other machines reach, though callers need no key.",
    "AWS_ACCESS_KEY_ID": "S3 credentials; without them the usual places are searched (profile, workload identity).",
    "AWS_SECRET_ACCESS_KEY": "The secret of the S3 credentials.",
    "CAGE": "What stands between hostile files and the worker: `best` (all that the kernel has), `required` (all, or no start), `off` (limits only).",
    "CALLERS_FILE": "File of callers and their API keys, see [callers.md](callers.md); with it every call needs a key.",
    "CONCURRENCY": "Jobs that the operator looks at at once.",
    "CHECKPOINT_SECONDS": "Time between two checkpoints of a shard.",
    "CORS_ORIGINS": "Origins whose pages may read the API's answers, `*` for all; without it none.",
    "DEFAULT_WAIT_SECONDS": "How long `/api/resize` holds its answer when the caller does not say.",
    "DRAIN_SECONDS": "How long running requests of the API may go on after SIGTERM: uploads, streams, archives; then they are cut. Below the pod's "
    "`terminationGracePeriodSeconds`.",
    "DNS64_PREFIX": "Prefix (96 bits) under which DNS64 shows IPv4 hosts, such as `64:ff9b::/96`: there the IPv4 address decides.",
    "FIND_FACES": "Whether jobs with `gravity=face` are taken: `false` where workers lack `imagejobs-worker[face]`, which then need not fail them.",
    "GRACE_SECONDS": "How long images in hand may take after SIGTERM; below the pod's `terminationGracePeriodSeconds`.",
    "HANDOFF_BYTES": "Most bytes of uploads in HANDOFF_DIR; further ones are read from S3.",
    "HANDOFF_DIR": "Folder in memory, of this user alone, by which workers on the API's machine get uploads without reading S3; the same in both. "
    "`imagejobs local` sets it; an empty one reads everything from S3.",
    "HEALTH_LISTEN": "Address and port of `/healthz` and `/readyz` for probes, of the operator and of pool workers; without it there are none.",
    "JOBS_ENABLED": "Whether Indexed Jobs may be used; on by default where the store is Kubernetes.",
    "JOB_STORE": "Where jobs are kept: `kubernetes`, or `sqlite:` and a path.",
    "KUBECONFIG": "File that leads to a cluster from outside; without it the pod's service account is used.",
    "LEASE_SECONDS": "After so long without a sign of life a pool worker's task is given to another; the same in all programs. For so "
    "long and 49 s after a job was stopped its outputs are not deleted, as a worker may still store some.",
    "LINK_SECONDS": "How long a download link is valid.",
    "LISTEN": "Address and port of the API.",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR.",
    "MAX_PARALLEL": "Images that one worker renders at once, each in a child of its own.",
    "MEMORY_LIMIT": "Memory that one image may take.",
    "METRICS_LISTEN": "Address and port on which the program shows its [metrics](metrics.md); without it there are none.",
    "NAMESPACE": "Namespace of the jobs.",
    "NAMESPACES": "Where the operator watches ImageJobs: names with commas between them, or `*`.",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "Collector of [traces](tracing.md) by OTLP over HTTP, such as `http://collector:4318`; without it there are none.",
    "OTEL_EXPORTER_OTLP_HEADERS": "Headers for the collector, `name=value` with commas between them.",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "How the collector is spoken to; there is no other way.",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "The same as OTEL_EXPORTER_OTLP_ENDPOINT with its whole path, `/v1/traces` included.",
    "OTEL_SDK_DISABLED": "Traces nothing, whatever the others say.",
    "OTEL_TRACES_SAMPLER": "What is traced, as OpenTelemetry names it.",
    "OTEL_TRACES_SAMPLER_ARG": "Share of what is traced, for the samplers by ratio.",
    "OUTPUT_PREFIXES": "Where in the bucket all callers may have results put, with commas between them; without it only under `outputs/<job id>/`.",
    "POOL_ENABLED": "Whether the pool of warm workers may be used.",
    "POOL_WINDOW": "Most tasks of one job that wait on the pool's queue at once.",
    "PROFILES": "Size of the pods of Jobs as JSON: profile -> `requests`, `limits`, and `parallel`, the images at once.",
    "PUBLIC_URL": "What links to the API begin with; without it each request's own Host, and callbacks carry paths only.",
    "READ_HEIC": "Whether HEIC is read; needs `imagejobs-worker[heic]`. Its decoder is large and has a history of holes.",
    "READY_PARTS": "Parts without which `/readyz` answers 503; the others are only reported.",
    "REDIS_URL": "Redis or Valkey; nothing in it is worth keeping.",
    "RESYNC_SECONDS": "Time between two looks at every job, whatever events told.",
    "S3_BUCKET": "Bucket of uploads and results; it must exist.",
    "S3_ENDPOINT": "S3 for reading and writing; without it AWS.",
    "S3_PATH_STYLE": "Puts the bucket into the path instead of the host name; on by default where S3_ENDPOINT is set.",
    "S3_PUBLIC_ENDPOINT": "S3 as clients reach it, for download links; without it S3_ENDPOINT.",
    "S3_REGION": "Region of the bucket.",
    "S3_UNSIGNED_PAYLOAD": "Leaves bodies out of the signature; on by default where S3 is on this machine.",
    "SHARD_PROCESSES": "Shards of large jobs that run at once on this machine, as processes, where the store is SQLite; `imagejobs local` sets it.",
    "SOURCE_PREFIXES": "Where in the bucket all callers may have images read by key, with commas between them; without it only their own uploads.",
    "TRUSTED_PROXIES": "Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count; without it nobody's.",
    "WEBHOOK_SECRETS": "Secrets that [callbacks](webhooks.md) are signed with, `whsec_` and base64 each, with commas between them; each signs every "
    "callback, so that one can be changed for another. Without it jobs with a callback are refused.",
    "WEBHOOK_SECRETS_DIR": "Folder with a file for each caller that has [secrets](webhooks.md) of its own: of the caller's name, holding what "
    "WEBHOOK_SECRETS would. The same in API and operator.",
    "WORKER_ENV_CONFIG_MAP": "ConfigMap whose entries become the variables of worker pods.",
    "WORKER_ENV_SECRET": "Secrets whose entries become variables of worker pods, with commas between them.",
    "WORKER_IMAGE": "Image of worker pods; needed where Jobs are enabled.",
    "WORKER_NAME": "Name of the worker in logs and in the queue; without it the host's name.",
    "WORKER_POD": "What every pod of a Job gets besides, as JSON: `labels`, `annotations`, `env`, `imagePullPolicy`, `nodeSelector`, `tolerations`, "
    "`affinity`, `topologySpreadConstraints`, `priorityClassName`, `runtimeClassName`.",
    "WORKER_SERVICE_ACCOUNT": "Service account of worker pods; it needs no rights.",
}
HEAD = """# Settings

Every program reads its settings from environment variables, once, and names all bad ones in one message (exit code 2).
`imagejobs local` passes its own environment on, so that each of them works there too. This page is made by `make docs`.
"""


BODY = {"LISTEN": "0.0.0.0:8080"}
"""Makes the API ask for ALLOW_ANONYMOUS, which it does only when others can reach it."""


@dataclass(slots=True)
class Setting:
    """One variable."""

    default: str
    programs: list[str] = field(default_factory=list)


class Notes(Reader):
    """A reader of next to nothing that notes what it is asked for, and with which default."""

    def __init__(self, program: str, found: dict[str, Setting]) -> None:
        super().__init__(BODY)
        self._program = program
        self._found = found

    def note(self, name: str, default: object) -> None:
        """Note one variable."""
        setting = self._found.setdefault(name, Setting("" if default in (None, "") else _shown(default)))
        setting.programs.append(self._program)


def _noting(ask: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(ask)

    def wrapper(self: Notes, *arguments: object, **named: object) -> object:
        bound = signature.bind(self, *arguments, **named)
        bound.apply_defaults()
        self.note(bound.arguments["name"], bound.arguments.get("default"))
        return ask(self, *arguments, **named)

    return wrapper


for _kind in ("integer", "number", "boolean", "text", "choice", "size"):
    setattr(Notes, _kind, _noting(getattr(Reader, _kind)))


def _shown(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def main() -> int:
    """Write the page, or compare it with `--check`; return 1 if it is stale."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
        return 0
    fresh = PAGE.exists() and PAGE.read_text() == text
    if not fresh:
        sys.stdout.write("docs/settings.md is stale: run `make docs`\n")
    return 0 if fresh else 1


def page() -> str:
    """Return the page.

    Raises:
        SystemExit: A variable has no meaning here, or a meaning no variable.
    """
    found: dict[str, Setting] = {}
    for program, read in PROGRAMS.items():
        read(Notes(program, found))
    bounds = set(map(str.upper, Limits._fields))
    settings = {name: each for name, each in found.items() if name not in bounds}
    if odd := settings.keys() ^ MEANINGS.keys():
        raise SystemExit(f"settings_page: MEANINGS and the code differ about {', '.join(sorted(odd))}")
    parts = [
        HEAD,
        _table(settings, MEANINGS),
        "\n## Limits\n\nOn by default. Sizes are in bytes, times in seconds.\n",
    ]
    parts.append(_table({name: found[name] for name in sorted(bounds)}, _limit_meanings()))
    return "\n".join(parts)


def _table(settings: Mapping[str, Setting], meanings: Mapping[str, str]) -> str:
    rows = ["| variable | default | read by | meaning |", "|---|---|---|---|"]
    for name in sorted(settings):
        each = settings[name]
        readers = ", ".join(dict.fromkeys(each.programs))
        rows.append(
            f"| `{name}` | {f'`{each.default}`' if each.default else ''} | {readers} | {meanings[name]} |"
        )
    return "\n".join(rows) + "\n"


def _limit_meanings() -> dict[str, str]:
    """Return the docstring below each field of `Limits`; a field without one speaks for itself."""
    tree = ast.parse(Path(limits.__file__).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    meanings = {}
    for node, after in pairwise([*body, ast.Pass()]):
        match node, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                meanings[name.upper()] = " ".join(text.split())
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                meanings[name.upper()] = _words(name)
    return meanings


def _words(name: str) -> str:
    return name.replace("_", " ").replace("max ", "most ").capitalize() + "."


if __name__ == "__main__":
    sys.exit(main())
