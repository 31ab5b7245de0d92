"""The worker's settings, read once from the environment; all faults are reported at once.

Each variable is defined here or, if programs share it, in `imagejobs_contract.runtime.settings`.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime import traces
from imagejobs_contract.runtime.settings import (
    S3Settings,
    read,
    read_handoff_folder,
    read_lease_seconds,
    read_limits,
    read_listen_address,
    read_redis_url,
)
from imagejobs_contract.wire.shards import Exit
from imagejobs_worker.child.config import SandboxMode
from imagejobs_worker.shard.shard_key import ShardKey

if TYPE_CHECKING:
    from pathlib import Path

LOG_LEVELS = "DEBUG|INFO|WARNING|ERROR"
USER_AGENT = "imagejobs"
USER_AGENT_PATTERN = r"[!-~]([ -~]*[!-~])?"
CHILD_MEMORY_BYTES = 2 * 2**30
"""Default address space of a child. 100 megapixels at 16 bytes (Pillow's WebP, with the frame's copy) are 1.6
GB; codecs run single-threaded.
"""


class Settings(NamedTuple):
    """The settings of a pool worker and of a shard; times in seconds.

    Attributes:
        name: Name of this worker in logs and in the queue; "" means the host's name.
        parallel: Images rendered at once, each in a child of its own: one per core is right.
        memory_bytes: Address space of a child.
        cage: The sandbox that hostile files require.
        grace_seconds: How long images in hand may take after SIGTERM; less than the pod's
            terminationGracePeriodSeconds.
        lease_seconds: A task whose lease is not extended for this time goes to another worker; the same in
            all programs.
        checkpoint_seconds: Between two checkpoints of a shard.
        egress_policy: The addresses that URLs of images may reach.
        metrics: Host and port on which metrics are served, or None.
        health: Host and port on which a pool worker answers probes, or None.
        read_heic: Whether HEIC is read; its decoder is large and has a history of faults.
        source_user_agent: How the worker names itself to the hosts of URLs.
        traces: Whether spans are exported to a collector.
        handoff: Folder in memory where an API on this machine leaves uploads, or None.
    """

    s3: S3Settings
    redis_url: str
    limits: Limits
    name: str
    log_level: str
    parallel: int
    memory_bytes: int
    cage: SandboxMode
    grace_seconds: float
    lease_seconds: float
    checkpoint_seconds: float
    egress_policy: EgressPolicy
    metrics: tuple[str, int] | None
    health: tuple[str, int] | None
    read_heic: bool
    source_user_agent: str = USER_AGENT
    traces: bool = False
    handoff: "Path | None" = None

    @classmethod
    def read(cls, reader: Reader) -> "Settings":
        """Read every variable."""
        return cls(
            s3=S3Settings.read(reader),
            redis_url=read_redis_url(reader),
            limits=read_limits(reader),
            name=reader.text(
                "WORKER_NAME",
                100,
                default="",
                pattern=r"[A-Za-z0-9._-]+",
                shape="letters, digits, dots, hyphens",
            )
            or "",
            log_level=reader.text(
                "LOG_LEVEL",
                10,
                default="INFO",
                pattern=LOG_LEVELS,
                shape=f"one of {LOG_LEVELS.replace('|', ' ')}",
            )
            or "INFO",
            parallel=reader.integer("MAX_PARALLEL", 1, 256, 1) or 1,
            memory_bytes=reader.size("MEMORY_LIMIT", 2**28, 2**40, CHILD_MEMORY_BYTES) or CHILD_MEMORY_BYTES,
            cage=reader.choice("CAGE", SandboxMode, SandboxMode.BEST) or SandboxMode.BEST,
            grace_seconds=reader.number("GRACE_SECONDS", 0.0, 3600.0, 20.0),
            lease_seconds=read_lease_seconds(reader),
            checkpoint_seconds=reader.number("CHECKPOINT_SECONDS", 0.1, 600.0, 5.0),
            egress_policy=EgressPolicy.read(reader, "ALLOWED_PRIVATE_SOURCES"),
            metrics=read_listen_address(reader, "METRICS_LISTEN"),
            health=read_listen_address(reader, "HEALTH_LISTEN"),
            read_heic=_read_heic(reader),
            source_user_agent=reader.text(
                "SOURCE_USER_AGENT",
                200,
                default=USER_AGENT,
                pattern=USER_AGENT_PATTERN,
                shape="printable ASCII",
            )
            or USER_AGENT,
            traces=traces.is_enabled(reader, "worker"),
            handoff=read_handoff_folder(reader),
        )


def read_pool(environ: Mapping[str, str]) -> Settings:
    """Read the settings of a pool worker.

    Raises:
        SystemExit: Code 2, after naming every bad variable on standard error.
    """
    return read(environ, Settings.read)


def read_shard(environ: Mapping[str, str]) -> tuple[Settings, ShardKey]:
    """Read the settings of a Job's pod, and which shard is its own.

    Raises:
        SystemExit: `Exit.MISCONFIGURED`, after naming every bad variable on standard error. The code makes
            the Job fail at once, where another would cost pod after pod.
    """
    try:
        return read(environ, lambda reader: (Settings.read(reader), ShardKey.read(reader)))
    except SystemExit as ex:
        raise SystemExit(Exit.MISCONFIGURED) from ex


def _read_heic(reader: Reader) -> bool:
    wanted = reader.boolean("READ_HEIC")
    if wanted and find_spec("pi_heif") is None:
        reader.fault("READ_HEIC", "needs pi-heif, which comes with imagejobs-worker[heic]")
    return wanted
