"""Writes docs/settings.md from the code that reads the settings. `--check` only compares.

Runs the programs' own readers over an empty environment with a `Reader` that records every variable, so that
none can be missing.
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
    "ALLOWED_PRIVATE_CALLBACKS": (
        "Networks (CIDR) that callbacks may reach although they are not public, for all callers or for one "
        "(`alice=10.2.0.0/16`); set the same in API and operator."
    ),
    "ALLOWED_PRIVATE_SOURCES": (
        "Networks (CIDR) that URLs of images may reach although they are not public, for all callers or for "
        "one (`alice=10.2.0.0/16`); set the same in API and workers."
    ),
    "ALLOWED_PORTS": (
        "Ports that URLs of images and callbacks may name: numbers and ranges, separated by commas."
    ),
    "ALLOWED_HOSTS": (
        "Host names that the API answers to; `*.example.org` stands for all names below it. Without it: any "
        "host, or only this machine's own names where LISTEN is loopback and callers need no key. Health "
        "checks are always answered."
    ),
    "ALLOW_ANONYMOUS": (
        "Allows LISTEN to be an address that other machines reach although callers need no key."
    ),
    "AWS_ACCESS_KEY_ID": (
        "S3 credentials; without them the usual places are searched (profile, workload identity)."
    ),
    "AWS_SECRET_ACCESS_KEY": "The secret of the S3 credentials.",
    "AWS_SESSION_TOKEN": "The token of temporary S3 credentials; links signed with them end with them.",
    "CA_FILE": (
        "PEM file with the CAs of your own S3 and Redis (`https://`, `rediss://`), trusted beside "
        "those of the system."
    ),
    "CAGE": (
        "The sandbox around the decoding of files: `best` (every protection that the kernel has), `required` "
        "(all of them, or the worker does not start), `off` (limits only)."
    ),
    "CALLERS_FILE": (
        "File of callers and their API keys, see [callers.md](callers.md); with it every call needs a key."
    ),
    "CLASS_NAME": (
        "The [class](install.md#two-installations-over-one-namespace) of the jobs of this installation: "
        "`spec.className`. API and operator leave all others alone; without it they are those without a "
        "class. Set the same in both."
    ),
    "CONCURRENCY": "Jobs that the operator reconciles at the same time.",
    "CHECKPOINT_SECONDS": "Time between two checkpoints of a shard.",
    "CORS_ORIGINS": "Origins whose web pages may read the API's answers, `*` for all; without it none.",
    "DEFAULT_WAIT_SECONDS": "How long `/api/resize` waits for the result when the caller does not say.",
    "DRAIN_SECONDS": (
        "How long running requests of the API (uploads, streams, archives) may continue after SIGTERM before "
        "they are cut. Set it below the pod's `terminationGracePeriodSeconds`."
    ),
    "DNS64_PREFIX": (
        "Prefix (96 bits) under which DNS64 shows IPv4 hosts, such as `64:ff9b::/96`; for addresses below it "
        "the IPv4 address decides."
    ),
    "FIND_FACES": (
        "Whether the API accepts jobs with `gravity=face`. Set `false` where workers lack "
        "`imagejobs-worker[face]`: the API then refuses such jobs, and no worker has to fail them."
    ),
    "GRACE_SECONDS": (
        "How long a worker may finish its images after SIGTERM. Set it below the pod's "
        "`terminationGracePeriodSeconds`."
    ),
    "HANDOFF_BYTES": "Maximum bytes of uploads in HANDOFF_DIR; workers read further uploads from S3.",
    "HANDOFF_DIR": (
        "Folder in memory, owned by this user alone, through which workers on the API's machine get uploads "
        "without S3; set the same in both. `imagejobs local` sets it; empty means that workers read every "
        "upload from S3."
    ),
    "HEALTH_LISTEN": (
        "Address and port where the operator and pool workers answer health checks (`/healthz`, `/readyz`); "
        "without it they answer none."
    ),
    "JOBS_ENABLED": "Whether Indexed Jobs may be used; on by default where the store is Kubernetes.",
    "JOB_STORE": "Where jobs are stored: `kubernetes`, or `sqlite:` and a path.",
    "GRANTS": (
        "What the ImageJobs of each namespace may use, as JSON: namespace -> `sources`, `outputs`, "
        "`priorityClasses`, `queues`, `callbacks`, `pods` ([grants](install.md#grants)). A namespace that it "
        "does not name was given nothing. Not used with SQLite."
    ),
    "KUBECONFIG": (
        "File with the access to a cluster from outside; without it the pod's service account is used."
    ),
    "LEASE_SECONDS": (
        "A pool worker that gives no sign of life for this time loses its task to another worker; set the "
        "same in all programs. The outputs of a stopped job are deleted no earlier than this time plus 49 s "
        "after the stop, because a worker may still store some."
    ),
    "LINK_SECONDS": "How long a download link is valid.",
    "LISTEN": "Address and port of the API.",
    "LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR.",
    "MAX_PARALLEL": "Images that one worker renders at the same time, each in a child process of its own.",
    "MEMORY_LIMIT": "Memory that one image may take.",
    "METRICS_LISTEN": (
        "Address and port where the program serves its [metrics](metrics.md); without it there are none."
    ),
    "NAMESPACE": "Namespace of the jobs.",
    "NAMESPACES": "Namespaces where the operator watches ImageJobs: names separated by commas, or `*`.",
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "Collector of [traces](tracing.md) by OTLP over HTTP, such as `http://collector:4318`; without it "
        "there are no traces."
    ),
    "OTEL_EXPORTER_OTLP_HEADERS": "Headers for the collector, `name=value` separated by commas.",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "Protocol of the collector; only this one is supported.",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": (
        "The same as OTEL_EXPORTER_OTLP_ENDPOINT with its whole path, `/v1/traces` included."
    ),
    "OTEL_SDK_DISABLED": "Turns tracing off, whatever the other settings say.",
    "OTEL_TRACES_SAMPLER": "Which requests are traced, by OpenTelemetry's names of samplers.",
    "OTEL_TRACES_SAMPLER_ARG": "Share of requests that the samplers by ratio trace.",
    "OUTPUT_PREFIXES": (
        "Prefixes of the bucket where every caller may put results, separated by commas; without it only "
        "`outputs/<namespace>.<job id>.<uid>/`."
    ),
    "POOL_ENABLED": "Whether the pool of warm workers may be used.",
    "POOL_WINDOW": "Maximum tasks of one job in the pool's queue at the same time.",
    "PRIORITY_CLASSES": (
        "Priority classes that every caller's jobs may name, separated by commas; without it only those of "
        "the caller's entry in the [file of callers](callers.md)."
    ),
    "PROFILES": (
        "Size of the pods of Jobs as JSON: profile -> `requests`, `limits`, and `parallel`, the images at "
        "the same time."
    ),
    "PUBLIC_URL": (
        "Beginning of links to the API. Without it links begin with the Host of each request, and callbacks "
        "carry paths only."
    ),
    "QUEUE_NAMES": (
        "Queues of Kueue that every caller's jobs may name, separated by commas; without it only those of "
        "the caller's entry in the [file of callers](callers.md)."
    ),
    "READ_HEIC": (
        "Whether HEIC is read; needs `imagejobs-worker[heic]`. Its decoder is large and had many security "
        "holes."
    ),
    "READY_PARTS": "Parts without which `/readyz` answers 503; the others are only reported.",
    "PRESETS_FILE": (
        "File of presets, sets of variants that requests may name, see [api.md](api.md#presets); read at the "
        "start."
    ),
    "STAY_READY_PARTS": "Parts without which `/readyz` answers 503 from its first 200 on; by default those "
    "of READY_PARTS.",
    "REDIS_URL": "Redis or Valkey; it needs no persistence.",
    "LEADER_LEASE": (
        "Namespace and name of a Lease: of several operators that name the same, its holder works and the "
        "others wait. Empty: this operator works."
    ),
    "LEADER_LEASE_SECONDS": (
        "Duration of that Lease. Its holder renews it four times in this time, and stops when it could not "
        "for three quarters of it; another operator takes over after the whole."
    ),
    "RESYNC_SECONDS": "Every job is reconciled at least once in this time, even without an event.",
    "S3_BUCKET": "Bucket of uploads and results; it must exist.",
    "S3_ENDPOINT": "S3 for reading and writing; without it AWS.",
    "S3_PATH_STYLE": (
        "Puts the bucket into the path instead of the host name; on by default where S3_ENDPOINT is set."
    ),
    "S3_PUBLIC_ENDPOINT": "S3 as clients reach it, for download links; without it S3_ENDPOINT.",
    "S3_REGION": "Region of the bucket.",
    "S3_UNSIGNED_PAYLOAD": "Leaves bodies out of the signature; on by default where S3 is on this machine.",
    "SHARD_PROCESSES": (
        "Shards of large jobs that run on this machine at the same time, as processes, where the store is "
        "SQLite; `imagejobs local` sets it."
    ),
    "SOURCE_USER_AGENT": "How workers name themselves to hosts of URLs; an image may have its own header.",
    "SOURCE_PREFIXES": (
        "Prefixes of the bucket where every caller may read images by key, separated by commas; without it "
        "only the caller's own uploads."
    ),
    "TRUSTED_PROXIES": (
        "Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` the API believes; "
        "without it none."
    ),
    "WATCH_SECRETS": (
        "Secrets that sign the [watch links](api.md#watch-links) of jobs, each at least 32 characters, "
        "separated by commas. The first one signs and each is accepted, so that one can be replaced. All "
        "processes of the API need the same. Without it there are no watch links."
    ),
    "WEBHOOK_SECRETS": (
        "Secrets that sign [callbacks](webhooks.md), each `whsec_` and base64, separated by commas. Every "
        "secret signs every callback, so that one can be replaced by another. Without it jobs with a "
        "callback are refused."
    ),
    "WEBHOOK_SECRETS_DIR": (
        "Folder with one file for each caller that has [secrets](webhooks.md) of its own: the file has the "
        "caller's name and holds a value as WEBHOOK_SECRETS does. Set the same in API and operator."
    ),
    "TRUST_CLAIMS": (
        "Believes labels and annotations that only the API may set, also where no policy guards them "
        "(`claims.imagejobs.dev`)."
    ),
    "WORKER_CA_CONFIG_MAP": "ConfigMap that worker pods mount at `/etc/imagejobs-ca`, where CA_FILE lies.",
    "COPIED_LABELS": "Labels of an ImageJob that its Job and pods get too, separated by commas.",
    "WORKER_ENV_CONFIG_MAP": "ConfigMap whose entries become variables of worker pods.",
    "WORKER_ENV_SECRET": "Secrets whose entries become variables of worker pods, separated by commas.",
    "WORKER_IMAGE": "Image of worker pods; required where Jobs are enabled.",
    "WORKER_NAME": "Name of the worker in logs and in the queue; without it the host's name.",
    "WORKER_POD": (
        "Further fields of every pod of a Job, as JSON: `labels`, `annotations`, `env`, `envFrom`, "
        "`imagePullPolicy`, `volumes`, `volumeMounts`, `nodeSelector`, `tolerations`, `affinity`, "
        "`topologySpreadConstraints`, `priorityClassName`, `runtimeClassName`, `hostAliases`, `dnsConfig`, "
        "`dnsPolicy`."
    ),
    "WORKER_SERVICE_ACCOUNT": "Service account of worker pods; it needs no rights.",
}
LIMIT_MEANINGS = {
    "MAX_BATCH_BYTES": (
        "Bytes of all files of one `POST /api/batch` together; larger requests are answered 413."
    ),
    "MAX_BATCH_FILES": "Files in one `POST /api/batch`, or URLs in one `POST /api/upload-from-url`.",
    "MAX_FILE_BYTES": "Bytes of one source image; larger images fail with `file_too_large`.",
    "MAX_FRAMES": "Frames of one animation; longer animations fail with `too_many_frames`.",
    "MAX_SIDE": "Width and height of one image, in pixels.",
}
"""Meanings of limits that have no docstring in `Limits`."""
HEAD = """# Settings

Every program reads its settings from environment variables, once. It names all bad ones in one message and
ends with exit code 2. `imagejobs local` passes its own environment on, so that each of them works there
too. `make docs` writes this page.
"""

BODY = {"LISTEN": "0.0.0.0:8080"}
"""Makes the API ask for ALLOW_ANONYMOUS, which it does only for an address that other machines reach."""


@dataclass(slots=True)
class Setting:
    """One variable."""

    default: str
    programs: list[str] = field(default_factory=list)


class RecordingReader(Reader):
    """A reader of an almost empty environment that records each variable and its default."""

    def __init__(self, program: str, found: dict[str, Setting]) -> None:
        super().__init__(BODY)
        self._program = program
        self._found = found

    def record(self, name: str, default: object) -> None:
        """Record one variable."""
        setting = self._found.setdefault(name, Setting("" if default in (None, "") else _shown(default)))
        setting.programs.append(self._program)


def _recording(ask: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(ask)

    def wrapper(self: RecordingReader, *arguments: object, **named: object) -> object:
        bound = signature.bind(self, *arguments, **named)
        bound.apply_defaults()
        self.record(bound.arguments["name"], bound.arguments.get("default"))
        return ask(self, *arguments, **named)

    return wrapper


for _kind in ("integer", "number", "boolean", "text", "choice", "size"):
    setattr(RecordingReader, _kind, _recording(getattr(Reader, _kind)))


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
        read(RecordingReader(program, found))
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
    """Return the docstring of each field of `Limits`, or its sentence in `LIMIT_MEANINGS`.

    Raises:
        SystemExit: A field has neither.
    """
    tree = ast.parse(Path(limits.__file__).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    meanings = dict(LIMIT_MEANINGS)
    for node, after in pairwise([*body, ast.Pass()]):
        match node, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                meanings[name.upper()] = " ".join(text.split())
    if silent := {name.upper() for name in Limits._fields} - meanings.keys():
        raise SystemExit(f"settings_page: no sentence for {', '.join(sorted(silent))}")
    return meanings


if __name__ == "__main__":
    sys.exit(main())
