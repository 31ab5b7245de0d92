"""The operator's settings, read once from the environment; all faults are reported at once.

The variables are named here, in `jobs.pod_profiles` and in `contract`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagejobs_contract.model import names
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.model.spec_json import DNS_NAME
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import traces
from imagejobs_contract.runtime.settings import (
    HOST_PORT_URL,
    S3Settings,
    read_class_name,
    read_lease_seconds,
    read_limits,
    read_listen_address,
    read_redis_url,
)
from imagejobs_contract.runtime.webhook_secrets import WebhookSecrets
from imagejobs_operator.decide.grants import Grants, read_grants
from imagejobs_operator.jobs.pod_profiles import PodDefaults, Size, read_pod_defaults, read_sizes

LEVELS = "DEBUG|INFO|WARNING|ERROR"
DNS_NAMES = f"{DNS_NAME}(,{DNS_NAME})*"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the operator.

    Attributes:
        sqlite: The file of the local store; None means Kubernetes.
        namespaces: Where ImageJobs are watched; None means everywhere.
        class_name: The class of the jobs that this operator runs; None: those without a class.
        kubeconfig: None means the pod's service account.
        pool: Whether the pool may be used.
        jobs: Whether Jobs may be used.
        shard_processes: Maximum shards that run at once on this machine, as processes. With 0 there are no
            Jobs without Kubernetes.
        window: Maximum tasks of one job on the pool's queue.
        lease_seconds: Duration of the pool workers' leases.
        copied_labels: Labels of an ImageJob that its Job and pods get too.
        health: Host and port for probes, or None.
        metrics: Host and port for metrics, or None.
        grants: What the ImageJobs of each namespace may use, where Kubernetes is the store.
        webhooks: Secrets that sign callbacks; without any, none are sent.
        callbacks: Addresses to which callbacks may be sent.
        public_url: Base of the links in callbacks.
        traces: Whether spans are sent to a collector.
        leader_lease: Namespace and name of the Lease that lets one of several operators work, or None.
        leader_lease_seconds: Duration of that Lease.
    """

    s3: S3Settings
    redis_url: str
    limits: Limits
    sqlite: Path | None
    namespaces: tuple[str, ...] | None
    class_name: str | None
    kubeconfig: str | None
    pool: bool
    jobs: bool
    shard_processes: int
    window: int
    lease_seconds: float
    concurrency: int
    resync_seconds: float
    worker_image: str
    worker_env_secrets: tuple[str, ...]
    worker_env_config_map: str
    worker_ca_config_map: str
    worker_service_account: str
    copied_labels: tuple[str, ...]
    sizes: Mapping[Profile, Size]
    pod: PodDefaults
    health: tuple[str, int] | None
    metrics: tuple[str, int] | None
    grants: Grants
    trust_claims: bool
    webhooks: WebhookSecrets
    callbacks: EgressPolicy
    public_url: str
    log_level: str
    traces: bool
    leader_lease: tuple[str, str] | None
    leader_lease_seconds: float

    @classmethod
    def read(cls, reader: Reader) -> "Settings":
        """Read every variable."""
        sqlite = _read_sqlite_path(reader)
        processes = reader.integer("SHARD_PROCESSES", 0, 256, 0) or 0
        jobs = reader.boolean("JOBS_ENABLED", default=sqlite is None or processes > 0) and (
            sqlite is None or processes > 0
        )
        image = reader.text("WORKER_IMAGE", 500, default="") or ""
        if jobs and not (image or sqlite):
            reader.fault("WORKER_IMAGE", "is missing; Jobs run it (or set JOBS_ENABLED=false)")
        return cls(
            s3=S3Settings.read(reader),
            redis_url=read_redis_url(reader),
            limits=read_limits(reader),
            sqlite=sqlite,
            namespaces=_read_namespaces(reader),
            class_name=read_class_name(reader),
            kubeconfig=reader.text("KUBECONFIG", 4096),
            pool=reader.boolean("POOL_ENABLED", default=True),
            jobs=jobs,
            shard_processes=processes,
            window=reader.integer("POOL_WINDOW", 1, 10_000, 200) or 200,
            lease_seconds=read_lease_seconds(reader),
            concurrency=reader.integer("CONCURRENCY", 1, 256, 8) or 8,
            resync_seconds=reader.number("RESYNC_SECONDS", 0.1, 3600.0, 30.0),
            worker_image=image,
            worker_env_secrets=_read_names(reader, "WORKER_ENV_SECRET"),
            worker_env_config_map=reader.text(
                "WORKER_ENV_CONFIG_MAP", 253, default="", pattern=DNS_NAME, shape="a DNS name"
            )
            or "",
            worker_ca_config_map=reader.text(
                "WORKER_CA_CONFIG_MAP", 253, default="", pattern=DNS_NAME, shape="a DNS name"
            )
            or "",
            worker_service_account=reader.text(
                "WORKER_SERVICE_ACCOUNT", 253, default="", pattern=DNS_NAME, shape="a DNS name"
            )
            or "",
            copied_labels=_read_labels(reader),
            sizes=read_sizes(reader),
            pod=read_pod_defaults(reader),
            health=read_listen_address(reader, "HEALTH_LISTEN"),
            metrics=read_listen_address(reader, "METRICS_LISTEN"),
            grants=read_grants(reader),
            trust_claims=reader.boolean("TRUST_CLAIMS"),
            webhooks=WebhookSecrets.read(reader),
            callbacks=EgressPolicy.read(reader, "ALLOWED_PRIVATE_CALLBACKS"),
            public_url=(
                reader.text("PUBLIC_URL", 500, default="", pattern=HOST_PORT_URL, shape="an http(s) URL")
                or ""
            ).rstrip("/"),
            traces=traces.is_enabled(reader, "operator"),
            log_level=reader.text(
                "LOG_LEVEL", 10, default="INFO", pattern=LEVELS, shape=f"one of {LEVELS.replace('|', ' ')}"
            )
            or "INFO",
            leader_lease=_read_lease(reader, sqlite),
            leader_lease_seconds=float(reader.integer("LEADER_LEASE_SECONDS", 4, 60, 8) or 8),
        )


def _read_sqlite_path(reader: Reader) -> Path | None:
    text = (
        reader.text(
            "JOB_STORE",
            4096,
            default="kubernetes",
            pattern="kubernetes|sqlite:.+",
            shape="`kubernetes` or `sqlite:<path>`",
        )
        or ""
    )
    return Path(text.removeprefix("sqlite:")) if text.startswith("sqlite:") else None


def _read_lease(reader: Reader, sqlite: Path | None) -> tuple[str, str] | None:
    name = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
    pattern, shape = rf"({name}/{DNS_NAME})?", "a namespace, a slash and a name"
    text = reader.text("LEADER_LEASE", 317, default="", pattern=pattern, shape=shape)
    if text and sqlite:
        reader.fault("LEADER_LEASE", "needs JOB_STORE=kubernetes")
    namespace, _, lease = (text or "").partition("/")
    return (namespace, lease) if lease else None


def _read_namespaces(reader: Reader) -> tuple[str, ...] | None:
    text = (
        reader.text(
            "NAMESPACES",
            10_000,
            default="default",
            pattern=rf"\*|{DNS_NAMES}",
            shape="names with commas between them, or *",
        )
        or ""
    )
    return None if text == "*" else tuple(text.split(","))


def _read_labels(reader: Reader) -> tuple[str, ...]:
    label = r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?"
    text = reader.text(
        "COPIED_LABELS",
        4000,
        default=names.LABEL_CALLER,
        pattern=rf"({label}(,{label})*)?",
        shape="names of labels with commas between them",
    )
    return tuple(filter(None, (text or "").split(",")))


def _read_names(reader: Reader, variable: str) -> tuple[str, ...]:
    text = (
        reader.text(variable, 2000, default="", pattern=DNS_NAMES, shape="names with commas between them")
        or ""
    )
    return tuple(filter(None, text.split(",")))
