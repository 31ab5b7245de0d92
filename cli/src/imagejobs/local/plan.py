"""Connects the parts of local mode: ports, addresses, environment, programs. Starts nothing."""

from dataclasses import dataclass
from pathlib import Path

from imagejobs.local import handoff_folder, programs
from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.environment import Addresses, program_environment
from imagejobs.local.options import LocalOptions
from imagejobs.local.ports import PortClaims, Ports
from imagejobs.local.program import Program
from imagejobs.local.run_secrets import RunSecrets
from imagejobs.local.services import seaweed, valkey
from imagejobs.local.services.seaweed import SeaweedPorts

API_PORT = 8080


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """All that will run, decided before anything starts.

    Attributes:
        groups: The programs in the order in which they stop; the programs of one group stop together.
        seaweed: Ports of the SeaweedFS that we start; None if the person has an S3.
        secrets: Of this start; also written to files of the data directory.
        handoff: The folder in memory for uploads; None if the person named one or the machine has no place.
        moved: Parts whose default port was taken: name, default port, port.
        images_at_once: How many images each worker renders at once; one number per worker.
        ephemeral: Whether the data directory goes at the end.
        needs_key: Whether calls without an API key are answered with 401.
    """

    data: DataDirectory
    addresses: Addresses
    groups: tuple[tuple[Program, ...], ...]
    seaweed: SeaweedPorts | None
    secrets: RunSecrets
    handoff: Path | None
    bucket: str
    moved: tuple[tuple[str, int, int], ...]
    images_at_once: tuple[int, ...]
    ephemeral: bool
    needs_key: bool


def make_plan(options: LocalOptions, data: DataDirectory, claims: PortClaims) -> LocalPlan:
    """Choose ports, make the secrets of the run, and return the programs to run.

    Args:
        claims: Receives the ports; open until the programs have ended.

    Raises:
        CannotRun: A named port is taken, or the program of a server is missing.
    """
    outer, inner = Ports(options.host, claims), Ports("127.0.0.1", claims)
    port = _api_port(options, outer)
    inner.reserve(port)
    services: list[Program] = []
    redis, s3, credentials, seaweed_ports = options.redis_url, options.s3_endpoint, None, None
    secrets = RunSecrets.make(data.secrets)
    if not redis:
        redis_port = (
            inner.take_any("Redis") if options.ephemeral else inner.take_default("Redis", valkey.PORT)
        )
        redis = valkey.url(redis_port, secrets.redis_password)
        services.append(valkey.program(data, redis_port, secrets))
    if not s3:
        seaweed_ports, credentials = SeaweedPorts.choose(inner, unnamed=options.ephemeral), data.credentials()
        s3 = f"http://127.0.0.1:{seaweed_ports.s3}"
        services.append(seaweed.program(data, seaweed_ports, credentials, secrets, options.environ))
    addresses = Addresses(options.host, port, redis, s3)
    # The person may name another folder, or none by an empty variable.
    handoff = None if "HANDOFF_DIR" in options.environ else handoff_folder.folder(data.path)
    environ = program_environment(options.environ, addresses, data.jobs, credentials, handoff)
    workers = tuple(
        programs.worker(data, environ, number, images)
        for number, images in enumerate(options.images_at_once, 1)
    )
    groups = (
        (programs.api(data, environ, addresses.client_host, port),),
        (programs.operator(data, environ, sum(options.images_at_once)),),
        workers,
        tuple(services),
    )
    return LocalPlan(
        data=data,
        addresses=addresses,
        groups=groups,
        seaweed=seaweed_ports,
        secrets=secrets,
        handoff=handoff,
        bucket=environ["S3_BUCKET"],
        moved=(*outer.moved, *inner.moved),
        images_at_once=options.images_at_once,
        ephemeral=options.ephemeral,
        needs_key=options.needs_key,
    )


def _api_port(options: LocalOptions, ports: Ports) -> int:
    if options.port:
        return ports.take_named("the API", options.port)
    return ports.take_any("the API") if options.ephemeral else ports.take_default("the API", API_PORT)
