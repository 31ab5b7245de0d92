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
ENDPOINT_URL = r"https?://[^\s/?#@]+(/[^\s?#]*)?"
"""Without a user: what stands here is seen in links. A path is kept in them, as in boto3."""
ENDPOINT_SHAPE = "an http(s) URL without user, password, ? and #"


class S3Settings(NamedTuple):
    """Where objects are stored.

    Attributes:
        endpoint: For I/O; "" means AWS.
        public_endpoint: For links, as clients reach it; "" means the same.
        access_key_id: "" leaves the search for credentials to the library (environment, workload identity).
        unsigned_payload: Do not hash bodies; only where the connection to S3 is trusted (loopback, TLS).
        session_token: Of temporary credentials; "" for others.
        ca_file: PEM file with CAs that are trusted beside the system's; "" for none.
    """

    endpoint: str
    public_endpoint: str
    bucket: str
    region: str
    access_key_id: str
    secret_access_key: str
    path_style: bool
    unsigned_payload: bool
    session_token: str = ""
    ca_file: str = ""

    @classmethod
    def read(cls, reader: Reader) -> "S3Settings":
        """Read the S3_... and AWS_... variables."""
        endpoint = (
            reader.text(
                "S3_ENDPOINT", 500, default="", pattern=ENDPOINT_URL, shape=ENDPOINT_SHAPE, secret=True
            )
            or ""
        )
        return cls(
            endpoint=endpoint,
            public_endpoint=reader.text(
                "S3_PUBLIC_ENDPOINT",
                500,
                default=endpoint,
                pattern=ENDPOINT_URL,
                shape=ENDPOINT_SHAPE,
                secret=True,
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
            session_token=reader.text("AWS_SESSION_TOKEN", 4096, default="", secret=True) or "",
            ca_file=read_ca_file(reader),
        )


REDIS_OPTIONS = ("db", "client_name", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname",
                 "ssl_cert_reqs")  # fmt: skip
"""What a query of REDIS_URL may say, in redis-py's words."""
_ENCODE = "percent-encode the characters # / ? @ and % of a user name or password (# is %23)"


def read_redis_url(reader: Reader) -> str:
    """Read REDIS_URL, and trust CA_FILE for it."""
    url = reader.text("REDIS_URL", 2000, default="redis://127.0.0.1:6379/0", secret=True) or ""
    if fault := _find_redis_fault(url):
        reader.fault("REDIS_URL", fault)
    ca_file = read_ca_file(reader)
    if not ca_file or not url.startswith("rediss://") or "ssl_ca_certs=" in url:
        return url
    from urllib.parse import quote

    return f"{url}{'&' if '?' in url else '?'}ssl_ca_certs={quote(ca_file)}"


def _find_redis_fault(url: str) -> str:
    """Return why redis-py could not read a URL, or would read another one; never with a part of it."""
    scheme, _, rest = url.partition("://")
    if "sentinel" in scheme or "cluster" in scheme:
        return (
            "Sentinel and Cluster are not spoken: name one address that leads to the primary, such as that of"
            " a Service or of HAProxy, as redis://host:port/0"
        )
    if scheme not in ("redis", "rediss", "unix") or not rest or any(each.isspace() for each in url):
        return "the value is not a Redis URL, such as redis://:password@host:6379/0"
    place, _, query = rest.partition("?")
    user, _, server = place.rpartition("@")
    if "#" in rest or (scheme != "unix" and ("/" in user or not _is_redis_place(server))):
        return f"no host and port, or no number of a database, where they should stand; {_ENCODE}"
    names = [each.partition("=")[0] for each in query.split("&") if each]
    if [each for each in names if each not in REDIS_OPTIONS]:
        return f"only {' '.join(REDIS_OPTIONS)} may follow the ?; {_ENCODE}"
    return ""


def _is_redis_place(text: str) -> bool:
    """Return whether a text is a host, perhaps a port, and perhaps the number of a database."""
    import re

    place = rf"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:({_PORT}))?(/[0-9]*)?"
    return re.fullmatch(place, text, re.ASCII) is not None


def read_ca_file(reader: Reader) -> str:
    """Read CA_FILE: CAs that S3 and Redis are trusted by, beside those of the system."""
    path = reader.text("CA_FILE", 1000, default="", pattern="/.+", shape="an absolute path") or ""
    if path and not any(each.where == "CA_FILE" for each in reader.faults):  # it is read twice
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib is 4 ms, which a pod does not need
                if b"-----BEGIN CERTIFICATE-----" not in file.read(2**20):
                    reader.fault("CA_FILE", "the file holds no certificate in PEM")
        except OSError as ex:
            reader.fault("CA_FILE", f"cannot be read: {ex.strerror}")
    return path


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


def read_class_name(reader: Reader) -> str | None:
    """Read CLASS_NAME, which API and operator of one installation share; None for jobs without a class."""
    from imagejobs_contract.model.spec_json import DNS_LABEL  # no worker has a use for it

    return reader.text("CLASS_NAME", 63, pattern=DNS_LABEL, shape="a DNS label")


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
