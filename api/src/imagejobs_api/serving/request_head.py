"""Refuses request heads that a proxy and this server could read in two ways, beyond the parser's own checks.

Pure.
"""

import re
from collections.abc import Sequence

VERSIONS = ("1.0", "1.1")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
"""RFC 9110, section 7.2: a name or an address, and a port. What follows must be able to take it apart."""


def find_fault(version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the fault of a head as a sentence; "" if there is none.

    Args:
        version: The HTTP version.
        target: The request target, as in the request line.
        headers: Names in lower case.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if version not in VERSIONS:
        return "Speak HTTP/1.1."
    if len(hosts) != 1:
        return "Send exactly one header Host."
    if not _HOST.fullmatch(hosts[0]):
        return "The header Host is no name or address with a port."
    if _authority(target) not in (b"", hosts[0].lower()):
        return "The address names another host than the header Host."
    if any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in headers):
        return "A body may come in chunks, and in no other transfer coding."
    return ""


def _authority(target: bytes) -> bytes:
    """Return the host of a target in absolute form, else b"".

    Clients send that form to proxies; its host takes precedence over Host (RFC 9112, section 3.2.2).
    """
    scheme, separator, rest = target.partition(b"://")
    return (
        rest.partition(b"/")[0].partition(b"?")[0].lower()
        if separator and b"/" not in scheme and b"?" not in scheme
        else b""
    )
