"""The settings of the API, read once from its environment; all faults are reported in one error."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from imagejobs_api.callers import permissions
from imagejobs_contract.model import limits
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.spec_json import DNS_LABEL, DNS_NAME
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import settings, traces
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.runtime.webhook_secrets import read_folder, read_secrets

KUBERNETES = "kubernetes"
SQLITE = "sqlite:"
MAX_LINK_SECONDS = 7 * 86_400
"""SigV4 links can be valid no longer (AWS, "Authenticating requests: using query parameters")."""
MAX_WAIT_SECONDS = 60
"""How long an answer is held at most, whatever `Prefer` asks for."""
OWN_HOSTS = ("localhost", "*.localhost", "127.0.0.1", "::1")
"""Names and addresses of this machine itself."""
HANDOFF_BYTES = 64 * 2**20
"""Room for some 80 photos: more only wait between POST and worker if they come faster than they are
processed.
"""
MIN_WATCH_SECRET = 32
"""Characters: 43 of base64 or of letters and digits hold 256 random bits, 32 hexadecimal digits 128."""
READY_PARTS = ("store", "s3", "redis", "workers")

_LISTEN = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The API's settings.

    Attributes:
        host: Address to listen on, without brackets.
        port: 0 takes a free one; the log line `ready` has it.
        job_store: `kubernetes`, or `sqlite:` and a path.
        kubeconfig: File with access to a cluster from outside; "" uses the pod's service account.
        namespace: Where jobs of callers without a namespace are created and found.
        class_name: The class of this API's jobs; it neither finds nor shows others. None: jobs without one.
        callers_file: File with the callers and the hashes of their keys; "" lets every caller in.
        link_seconds: How long download links and upload links are valid.
        default_wait_seconds: How long the answer about a single image is held without `Prefer`.
        drain_seconds: How long running requests may go on after SIGTERM.
        public_url: How links to this API begin; "" takes each request's own Host.
        source_prefixes: Prefixes in the bucket from which all callers' jobs may read images, beside their own
            uploads; each ends with a slash.
        output_prefixes: Prefixes under which all callers' jobs may store results.
        priority_classes: Classes that the pods of all callers' jobs may have; None, without a cluster, allows
            any.
        queue_names: Queues of Kueue that all callers' jobs may name; None as above.
        sources: Which private addresses URLs of images may lead to; the workers have the same setting.
        callbacks: Which private addresses callbacks may lead to; the operator has the same setting.
        callbacks_signed: Whether there is a secret that signs the callbacks of all callers. The operator
            holds it; the API keeps only this flag.
        callers_secrets: Folder with a file for each caller that has secrets of its own, or None; only the
            names of the files are read.
        find_faces: Whether there are workers that crop around faces; False refuses jobs that ask for it.
        ready_parts: Parts that must work for `/readyz` to answer 200; the others are only reported.
        stay_ready_parts: Parts that must work for that from the first 200 on.
        metrics: Host and port of the metrics endpoint, or None; never the API's own port.
        allowed_hosts: Host names that requests may carry; () allows all. By default () too, except where the
            API listens on loopback and callers need no key: then this machine's own names.
        cors_origins: Origins whose pages may read answers.
        trusted_proxies: Addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
        traces: Whether spans are sent to a collector.
        presets_file: File with the presets; "" if there are none.
        watch_secrets: Sign the addresses by which anyone may watch one job; () makes none.
        handoff: Folder in memory through which workers on this machine get uploads, or None.
        handoff_bytes: How many bytes may be in that folder at most.
    """

    host: str
    port: int
    job_store: str
    kubeconfig: str
    namespace: str
    redis_url: str
    lease_seconds: float
    s3: S3Settings
    limits: Limits
    class_name: str | None = None
    callers_file: str = ""
    presets_file: str = ""
    link_seconds: int = 3600
    default_wait_seconds: int = 10
    drain_seconds: int = 20
    public_url: str = ""
    source_prefixes: tuple[str, ...] = ()
    output_prefixes: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] | None = None
    queue_names: tuple[str, ...] | None = None
    sources: EgressPolicy = field(default_factory=EgressPolicy)
    callbacks: EgressPolicy = field(default_factory=EgressPolicy)
    callbacks_signed: bool = False
    callers_secrets: Path | None = None
    find_faces: bool = True
    ready_parts: tuple[str, ...] = READY_PARTS
    stay_ready_parts: tuple[str, ...] = READY_PARTS
    metrics: tuple[str, int] | None = None
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    log_level: str = "INFO"
    traces: bool = False
    watch_secrets: tuple[str, ...] = field(default=(), repr=False)
    handoff: Path | None = None
    handoff_bytes: int = HANDOFF_BYTES

    @classmethod
    def read(cls, reader: Reader) -> "Settings":
        """Read the API's variables; faults go to the reader."""
        callers_file = reader.text("CALLERS_FILE", 1000, default="") or ""
        host, port = _read_listen(reader, bool(callers_file))
        public_url = (
            reader.text("PUBLIC_URL", 500, default="", pattern=settings.HOST_PORT_URL, shape="an http(s) URL")
            or ""
        ).rstrip("/")
        hosts = _read_list(
            reader,
            "ALLOWED_HOSTS",
            r"(\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]",
            "a host such as images.example.org",
        )
        ready_parts = _read_ready_parts(reader, "READY_PARTS", READY_PARTS)
        return cls(
            host=host,
            port=port,
            job_store=reader.text(
                "JOB_STORE",
                1000,
                default=KUBERNETES,
                pattern=rf"{KUBERNETES}|{SQLITE}.+",
                shape="kubernetes or sqlite:<path>",
            )
            or "",
            kubeconfig=reader.text("KUBECONFIG", 1000, default="") or "",
            namespace=reader.text(
                "NAMESPACE",
                63,
                default="default",
                pattern="[a-z0-9]([-a-z0-9]*[a-z0-9])?",
                shape="a namespace",
            )
            or "",
            redis_url=settings.read_redis_url(reader),
            lease_seconds=settings.read_lease_seconds(reader),
            s3=S3Settings.read(reader),
            limits=_read_limits(reader),
            class_name=settings.read_class_name(reader),
            callers_file=callers_file,
            presets_file=reader.text("PRESETS_FILE", 1000, default="") or "",
            link_seconds=reader.integer("LINK_SECONDS", 1, MAX_LINK_SECONDS, 3600) or 3600,
            default_wait_seconds=int(reader.number("DEFAULT_WAIT_SECONDS", 0, MAX_WAIT_SECONDS, 10)),
            drain_seconds=reader.integer("DRAIN_SECONDS", 1, 3600, 20) or 20,
            public_url=public_url,
            source_prefixes=_read_prefixes(reader, "SOURCE_PREFIXES", permissions.read_source_prefixes),
            output_prefixes=_read_prefixes(reader, "OUTPUT_PREFIXES", permissions.read_output_prefixes),
            priority_classes=_read_cluster_names(
                reader, "PRIORITY_CLASSES", permissions.check_priority_classes, DNS_NAME
            ),
            queue_names=_read_cluster_names(reader, "QUEUE_NAMES", lambda _, __, given: given, DNS_LABEL),
            sources=EgressPolicy.read(reader, "ALLOWED_PRIVATE_SOURCES"),
            callbacks=EgressPolicy.read(reader, "ALLOWED_PRIVATE_CALLBACKS"),
            callbacks_signed=bool(read_secrets(reader)),
            callers_secrets=read_folder(reader),
            find_faces=reader.boolean("FIND_FACES", default=True),
            ready_parts=ready_parts,
            stay_ready_parts=_read_ready_parts(reader, "STAY_READY_PARTS", ready_parts),
            metrics=settings.read_listen_address(reader, "METRICS_LISTEN"),
            allowed_hosts=hosts
            or (() if callers_file or not _is_loopback(host) else _own_hosts(host, public_url)),
            cors_origins=_read_list(
                reader,
                "CORS_ORIGINS",
                r"\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?",
                "an origin such as https://shop.example.org",
            ),
            trusted_proxies=_read_list(
                reader, "TRUSTED_PROXIES", r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", "an address or network (CIDR)"
            ),
            traces=traces.is_enabled(reader, "api"),
            watch_secrets=_read_watch_secrets(reader),
            handoff=settings.read_handoff_folder(reader),
            handoff_bytes=reader.size("HANDOFF_BYTES", 2**20, 2**40, HANDOFF_BYTES) or HANDOFF_BYTES,
            log_level=reader.text(
                "LOG_LEVEL",
                10,
                default="INFO",
                pattern="DEBUG|INFO|WARNING|ERROR",
                shape="DEBUG, INFO, WARNING or ERROR",
            )
            or "",
        )


def _read_listen(reader: Reader, has_callers: bool) -> tuple[str, int]:
    text = (
        reader.text(
            "LISTEN",
            260,
            default="127.0.0.1:8080",
            pattern=_LISTEN,
            shape="an address and a port such as 127.0.0.1:8080",
        )
        or ""
    )
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if int(port) > 65_535:
        reader.fault("LISTEN", f"there is no port {port}")
    allows_anonymous = reader.boolean("ALLOW_ANONYMOUS")
    if has_callers and allows_anonymous:
        reader.fault("ALLOW_ANONYMOUS", "contradicts CALLERS_FILE, with which every caller needs a key")
    if not (has_callers or allows_anonymous or _is_loopback(host)):
        advice = "give callers keys by CALLERS_FILE, or set ALLOW_ANONYMOUS=true if that is meant"
        reader.fault(
            "LISTEN", f"{host} can be reached from other machines, and callers need no key: {advice}"
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_hosts(host: str, public_url: str) -> tuple[str, ...]:
    public = urlsplit(public_url).hostname
    return (*OWN_HOSTS, host, *([public] if public else []))


def _read_limits(reader: Reader) -> Limits:
    read = settings.read_limits(reader)
    if read.max_batch_files > limits.MAX_ITEMS:
        reader.fault("MAX_BATCH_FILES", f"an ImageJob holds at most {limits.MAX_ITEMS} items")
    return read


def _read_list(reader: Reader, name: str, pattern: str, shape: str) -> tuple[str, ...]:
    found = tuple(re.split(r"[,\s]+", (reader.text(name, 5000, default="") or "").strip(", ")))
    for each in filter(None, found):
        if not re.fullmatch(pattern, each, re.ASCII):
            reader.fault(name, f"{each!r} is not {shape}")
    return tuple(filter(None, found))


def _read_watch_secrets(reader: Reader) -> tuple[str, ...]:
    """Read the secrets; a fault never repeats one."""
    text = reader.text("WATCH_SECRETS", 1000, default="", secret=True) or ""
    secrets = tuple(filter(None, re.split(r"[,\s]+", text)))
    for number, secret in enumerate(secrets, 1):
        if len(secret) < MIN_WATCH_SECRET:
            reader.fault("WATCH_SECRETS", f"secret {number} is shorter than {MIN_WATCH_SECRET} characters")
    return secrets


def _read_prefixes(
    reader: Reader, name: str, check: Callable[[Reader, str, tuple[str, ...]], tuple[str, ...]]
) -> tuple[str, ...]:
    return check(reader, name, _read_list(reader, name, permissions.PATTERN, permissions.SHAPE))


def _read_cluster_names(
    reader: Reader,
    name: str,
    check: Callable[[Reader, str, tuple[str, ...]], tuple[str, ...]],
    pattern: str,
) -> tuple[str, ...] | None:
    """Return the names of a setting; None without a cluster, where they mean nothing."""
    given = check(reader, name, _read_list(reader, name, pattern, "a name in Kubernetes"))
    return None if (reader.text("JOB_STORE", 4096) or "").startswith(SQLITE) else given


def _read_ready_parts(reader: Reader, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    text = reader.text(name, 100)
    if not text:
        return default
    parts = tuple(re.split(r"[,\s]+", text.strip()))
    for part in parts:
        if part not in READY_PARTS:
            reader.fault(name, f"{part!r} is not one of {', '.join(READY_PARTS)}")
    return parts
