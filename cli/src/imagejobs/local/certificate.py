"""A certificate that signs itself, for the programs of one run to know each other by (TLS on both sides)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Valid whatever the clock says: the pair ends with the run. The second is RFC 5280's "no end"."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate for 127.0.0.1, which is its own authority, and its private key; both are PEM."""

    certificate: str
    key: str = field(repr=False)


def make_key_pair(name: str) -> KeyPair:
    """Return a new pair at random, made out to `name`."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(
            subject, subject, key.public_key(), x509.random_serial_number(), _FROM, _UNTIL
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, algorithm=None)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM).decode(), pem.decode())
