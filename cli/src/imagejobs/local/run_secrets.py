"""The secrets of one start: nothing answers on any inner port without them, and the next start makes others.

Other users of the machine, and pages in its browsers, reach every port on loopback. So Valkey wants a
password, and SeaweedFS's inner ports want a certificate. Both go to the programs through files that only
their owner reads, or through the environment, never through a command line, which every user can read.
"""

import os
import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from imagejobs.local.certificate import KeyPair, make_key_pair

CERTIFICATE, KEY, VALKEY = "inner.crt", "inner.key", "valkey.conf"


@dataclass(frozen=True, slots=True)
class RunSecrets:
    """The secrets of one start, and the folder that holds them in files of mode 0600.

    Attributes:
        pair: Of SeaweedFS's parts, and of the supervisor that sets them up.
    """

    folder: Path
    redis_password: str = field(repr=False)
    pair: KeyPair = field(repr=False)

    @classmethod
    def make(cls, folder: Path) -> "RunSecrets":
        """Make new ones at random, and write them over those of the start before."""
        made = cls(folder, secrets.token_urlsafe(32), make_key_pair("imagejobs local"))
        _write(folder / VALKEY, f"requirepass {made.redis_password}\n")
        _write(folder / CERTIFICATE, made.pair.certificate)
        _write(folder / KEY, made.pair.key)
        return made

    def client_context(self) -> ssl.SSLContext:
        """Return TLS settings that show the certificate, and accept no other from the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pair.certificate)
        context.load_cert_chain(self.folder / CERTIFICATE, self.folder / KEY)
        return context


def _write(path: Path, text: str) -> None:
    # A new file: the mode of an old one, or a link in its place, must not count.
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
