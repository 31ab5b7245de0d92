"""Settings that several programs read, and the reader that reports all bad variables at once.

`os.environ` is read in each program's `__main__.py` only, which hands it to `read`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imagejobs_contract.errors import Invalid
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
LISTEN_ADDRESS = rf"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):({_PORT})"
LEASE_SECONDS = 10.0
"""With a scan and one blocking read 13 s, of the 15 s within which the work of a dead worker runs again."""
HOST_PORT_URL = r"https?://[^\s/]+(/[^\s]*)?"


class S3Settings(NamedTuple):
    """Where objects are stored.

    Attributes:
        endpoint: For I/O; "" means AWS.
        public_endpoint: For links, as clients reach it; "" means the same.
        access_key_id: "" leaves the search for credentials to the library (environment, workload identity).
        unsigned_payload: Do not hash bodies; only where the connection to S3 is trusted (loopback, TLS).
    """

    endpoint: str
    public_endpoint: str
    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str
    path_style: bool
    unsigned_payload: bool

    @classmethod
    def read(cls, reader: Reader) -> "S3Settings":
        """Read the S3_... and AWS_... variables."""
        endpoint = (
            reader.text("S3_ENDPOINT", 500, default="", pattern=HOST_PORT_URL, shape="an http(s) URL") or ""
        )
        return cls(
            endpoint=endpoint,
            public_endpoint=reader.text(
                "S3_PUBLIC_ENDPOINT", 500, default=endpoint, pattern=HOST_PORT_URL, shape="an http(s) URL"
            )
            or "",
            bucket=reader.text(
                "S3_BUCKET",
                63,
                default="imagejobs",
                pattern="[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
                shape="a bucket name",
            )
            or "",
            region=reader.text("S3_REGION", 50, default="us-east-1") or "",
            access_key_id=reader.text("AWS_ACCESS_KEY_ID", 200, default="") or "",
            secret_access_key=reader.text("AWS_SECRET_ACCESS_KEY", 200, default="", secret=True) or "",
            path_style=reader.boolean("S3_PATH_STYLE", default=bool(endpoint)),
            unsigned_payload=reader.boolean(
                "S3_UNSIGNED_PAYLOAD", default=endpoint.startswith("http://127.0.0.1")
            ),
        )


def read_redis_url(reader: Reader) -> str:
    """Read REDIS_URL."""
    return (
        reader.text(
            "REDIS_URL",
            500,
            default="redis://127.0.0.1:6379/0",
            pattern=r"rediss?://[^\s]+|unix://[^\s]+",
            shape="a Redis URL",
            secret=True,
        )
        or ""
    )


def read_handoff_folder(reader: Reader) -> "Path | None":
    """Read HANDOFF_DIR, which API and workers of one machine share; None: workers read everything from S3."""
    text = reader.text("HANDOFF_DIR", 1000, pattern="/.+", shape="an absolute path")
    if not text:
        return None
    from pathlib import Path  # 4 ms, which a pod does not need

    return Path(text)


def read_lease_seconds(reader: Reader) -> float:
    """Read LEASE_SECONDS: how long a worker of the pool holds a task.

    Operator and API must have the same value.
    """
    return reader.number("LEASE_SECONDS", 0.5, 3600.0, LEASE_SECONDS)


def read_listen_address(reader: Reader, name: str) -> tuple[str, int] | None:
    """Read an address of this machine and a port, or None."""
    text = reader.text(name, 300, pattern=LISTEN_ADDRESS, shape="host:port")
    host, _, port = (text or "").rpartition(":")
    return (host.strip("[]"), int(port)) if text else None


def read_limits(reader: Reader) -> Limits:
    """Read every limit from the variable of its name in capitals, such as MAX_PIXELS."""
    values: dict[str, float | int] = {}
    for name, default in Limits()._asdict().items():
        if isinstance(default, float):
            values[name] = reader.number(name.upper(), 0.1, 1e6, default)
        else:
            values[name] = reader.integer(name.upper(), 1, 2**40, default) or default
    return Limits(**values)  # type: ignore[arg-type]


def read(environ: Mapping[str, str], parse: Callable[[Reader], T]) -> T:
    """Read a program's settings; empty variables count as unset.

    Raises:
        SystemExit: Code 2, after naming every bad variable on standard error.
    """
    reader = Reader({name: value for name, value in environ.items() if value != ""})
    settings = parse(reader)
    try:
        reader.check()
    except Invalid as ex:
        lines = "\n".join(f"  {fault}" for fault in ex.faults)
        raise SystemExit(_print_faults(f"bad settings:\n{lines}")) from ex
    return settings


def _print_faults(text: str) -> int:
    import sys

    sys.stderr.write(text + "\n")
    return 2
