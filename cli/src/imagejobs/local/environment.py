"""The environment of our programs: the person's variables, and the addresses of the servers started here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagejobs.local.data_dir import Credentials

BUCKET = "imagejobs"
LOOPBACK_HOSTS = "127.0.0.1,localhost"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the API listens, and where Redis and S3 are."""

    host: str
    port: int
    redis_url: str
    s3_endpoint: str

    @property
    def client_host(self) -> str:
        """The address by which a client on this machine reaches the API."""
        wildcards = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 (compared, not listened on)
        return wildcards.get(self.host, self.host)

    @property
    def url(self) -> str:
        """The API's URL for a client on this machine."""
        return f"http://{self.client_host}:{self.port}"


def program_environment(
    environ: Mapping[str, str],
    addresses: Addresses,
    jobs: Path,
    credentials: Credentials | None,
    handoff: Path | None = None,
) -> dict[str, str]:
    """Return the environment of our programs.

    Args:
        credentials: Of the S3 that is started here; None leaves the person's own.
        handoff: The folder where the API puts uploads for the workers; None leaves the person's HANDOFF_DIR.
    """
    ours = {
        "LISTEN": f"{addresses.host}:{addresses.port}",
        "JOB_STORE": f"sqlite:{jobs}",
        "REDIS_URL": addresses.redis_url,
        "S3_ENDPOINT": addresses.s3_endpoint,
        "S3_BUCKET": environ.get("S3_BUCKET") or BUCKET,
        # The package brings the decoder; without the cage it stays off.
        "READ_HEIC": environ.get("READ_HEIC") or str(environ.get("CAGE") != "off").lower(),
        # Logs are files here; a line must be in the file even if the program is killed right after it.
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # the working directory is the data's, and no place to import from
    }
    if handoff is not None:
        ours["HANDOFF_DIR"] = str(handoff)
    if credentials is not None:
        # A token or profile of the person's own AWS account must not mix with the keys of our S3.
        environ = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
        ours |= {
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "S3_REGION": "us-east-1",
        }
    return {**environ, **ours, **proxy_exceptions(environ)}


def proxy_exceptions(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which programs ask this machine without the proxy of the person's network.

    Some programs read the one spelling first, some the other.
    """
    hosts = ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), LOOPBACK_HOSTS]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
