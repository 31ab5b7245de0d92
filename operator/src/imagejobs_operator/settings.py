"""The operator's settings, read once from the environment; all faults at once.

Which variables there are stands here and in `contract`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.model.spec_json import DNS_NAME
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import traces
from imagejobs_contract.runtime.settings import (
    HOST_PORT_URL,
    S3Settings,
    read_lease_seconds,
    read_limits,
    read_listen_address,
    read_redis_url,
)
from imagejobs_contract.runtime.webhook_secrets import WebhookSecrets
from imagejobs_operator.jobs.pod_profiles import PodShape, Size, read_shape, read_sizes

LEVELS = "DEBUG|INFO|WARNING|ERROR"
DNS_NAMES = f"{DNS_NAME}(,{DNS_NAME})*"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator needs to know.

    Attributes:
        sqlite: The file of the local store; None means Kubernetes.
        namespaces: Where ImageJobs are watched; None means everywhere.
        kubeconfig: None means the pod's service account.
        pool: Whether the pool may be used.
        jobs: Whether Jobs may be used.
        shard_processes: How many shards run at once on this machine, as processes; 0 means that there are no
            Jobs without Kubernetes.
        window: Most tasks of one job on the pool's queue.
        lease_seconds: Of the pool's workers, which renew their leases within it.
        health: Host and port for probes, or None.
        metrics: Host and port on which metrics are shown, or None.
        webhooks: What callbacks are signed with; without any none are sent.
        callbacks: How far callbacks may lead.
        public_url: What links in callbacks begin with.
        traces: Whether a collector is told.
    """

    s3: S3Settings
    redis_url: str
    limits: Limits
    sqlite: Path | None
    namespaces: tuple[str, ...] | None
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
    worker_service_account: str
    sizes: Mapping[Profile, Size]
    pod: PodShape
    health: tuple[str, int] | None
    metrics: tuple[str, int] | None
    webhooks: WebhookSecrets
    callbacks: EgressPolicy
    public_url: str
    log_level: str
    traces: bool

    @classmethod
    def read(cls, reader: Reader) -> "Settings":
        """Read every variable."""
        sqlite = _sqlite(reader)
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
            namespaces=_namespaces(reader),
            kubeconfig=reader.text("KUBECONFIG", 4096),
            pool=reader.boolean("POOL_ENABLED", default=True),
            jobs=jobs,
            shard_processes=processes,
            window=reader.integer("POOL_WINDOW", 1, 10_000, 200) or 200,
            lease_seconds=read_lease_seconds(reader),
            concurrency=reader.integer("CONCURRENCY", 1, 256, 8) or 8,
            resync_seconds=reader.number("RESYNC_SECONDS", 0.1, 3600.0, 30.0),
            worker_image=image,
            worker_env_secrets=_names(reader, "WORKER_ENV_SECRET"),
            worker_env_config_map=reader.text(
                "WORKER_ENV_CONFIG_MAP", 253, default="", pattern=DNS_NAME, shape="a DNS name"
            )
            or "",
            worker_service_account=reader.text(
                "WORKER_SERVICE_ACCOUNT", 253, default="", pattern=DNS_NAME, shape="a DNS name"
            )
            or "",
            sizes=read_sizes(reader),
            pod=read_shape(reader),
            health=read_listen_address(reader, "HEALTH_LISTEN"),
            metrics=read_listen_address(reader, "METRICS_LISTEN"),
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
        )


def _sqlite(reader: Reader) -> Path | None:
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


def _namespaces(reader: Reader) -> tuple[str, ...] | None:
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


def _names(reader: Reader, variable: str) -> tuple[str, ...]:
    text = (
        reader.text(variable, 2000, default="", pattern=DNS_NAMES, shape="names with commas between them")
        or ""
    )
    return tuple(filter(None, text.split(",")))
