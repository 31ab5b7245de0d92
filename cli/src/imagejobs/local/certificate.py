"""A certificate that signs itself, for the programs of one run to know each other by (TLS on both sides).

Ed25519 (RFC 8032) and DER (X.690) in the few lines that this takes: Python's library makes no keys, and a
package for it would weigh more than all of local mode. Nothing here runs in constant time: a key is made once
per start, for programs of the same user. Do not use it for anything else.
"""

import base64
import secrets
from dataclasses import dataclass, field
from hashlib import sha512

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T of RFC 8032, section 5.1.4."""

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)

_INTEGER, _BITS, _OCTETS, _TEXT, _TIME, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x0C, 0x18, 0x30, 0x31
_TRUE = b"\x01\x01\xff"
_COMMON_NAME = bytes.fromhex("0603550403")
_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
_SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
_ED25519 = bytes.fromhex("300506032b6570")
_FROM, _UNTIL = b"20200101000000Z", b"99991231235959Z"
"""Valid whatever the clock says: the pair ends with the run. The second is RFC 5280's "no end"."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate for 127.0.0.1, which is its own authority, and its private key; both are PEM."""

    certificate: str
    key: str = field(repr=False)


def make_key_pair(name: str) -> KeyPair:
    """Return a new pair at random, made out to `name`; takes about 20 ms."""
    seed = secrets.token_bytes(32)
    subject = _der(_SEQUENCE, _der(_SET, _der(_SEQUENCE, _COMMON_NAME, _der(_TEXT, name.encode()))))
    extensions = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _BASIC_CONSTRAINTS, _TRUE, _der(_OCTETS, _der(_SEQUENCE, _TRUE))),
        _der(
            _SEQUENCE,
            _SUBJECT_ALT_NAME,
            _der(_OCTETS, _der(_SEQUENCE, _der(0x87, bytes((127, 0, 0, 1))))),
        ),
    )
    body = _der(
        _SEQUENCE,
        _der(0xA0, _der(_INTEGER, b"\x02")),
        _der(_INTEGER, b"\x01" + secrets.token_bytes(15)),
        _ED25519,
        subject,
        _der(_SEQUENCE, _der(_TIME, _FROM), _der(_TIME, _UNTIL)),
        subject,
        _der(_SEQUENCE, _ED25519, _der(_BITS, b"\0" + public_key(seed))),
        _der(0xA3, extensions),
    )
    certificate = _der(_SEQUENCE, body, _ED25519, _der(_BITS, b"\0" + sign(seed, body)))
    key = _der(_SEQUENCE, _der(_INTEGER, b"\0"), _ED25519, _der(_OCTETS, _der(_OCTETS, seed)))
    return KeyPair(_pem("CERTIFICATE", certificate), _pem("PRIVATE KEY", key))


def public_key(seed: bytes) -> bytes:
    """Return the public key of a private one of 32 bytes (RFC 8032, section 5.1.5)."""
    return _encode(_multiply(_expand(seed)[0]))


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the signature of the message, 64 bytes (RFC 8032, section 5.1.6)."""
    scalar, prefix = _expand(seed)
    nonce = _hash(prefix, message)
    commitment = _encode(_multiply(nonce))
    answer = (nonce + _hash(commitment, public_key(seed), message) * scalar) % _ORDER
    return commitment + answer.to_bytes(32, "little")


def _expand(seed: bytes) -> tuple[int, bytes]:
    digest = sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & ((1 << 254) - 8) | 1 << 254, digest[32:]


def _hash(*parts: bytes) -> int:
    return int.from_bytes(sha512(b"".join(parts)).digest(), "little") % _ORDER


def _add(a: _Point, b: _Point) -> _Point:
    minus = (a[1] - a[0]) * (b[1] - b[0]) % _P
    plus = (a[1] + a[0]) * (b[1] + b[0]) % _P
    t, z = 2 * _D * a[3] * b[3] % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = plus - minus, z - t, z + t, plus + minus
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int) -> _Point:
    """Return the base point times the scalar."""
    total, power = (0, 1, 1, 0), _BASE
    while scalar:
        if scalar & 1:
            total = _add(total, power)
        power = _add(power, power)
        scalar >>= 1
    return total


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def _pem(kind: str, data: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(data).decode()}-----END {kind}-----\n"
