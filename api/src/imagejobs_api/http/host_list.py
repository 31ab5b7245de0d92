"""The hosts that ALLOWED_HOSTS names, and whether a request's Host is one of them. Pure."""

import fnmatch


class HostList:
    """Names of hosts, without ports.

    Args:
        patterns: Names, addresses (IPv6 in brackets or without), `*.example.org` for every name below one. An
            empty list allows every host.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = tuple(each.lower().strip("[]") for each in patterns)

    def allows(self, host: str) -> bool:
        """Return whether requests to this host, given without a port, are answered."""
        return not self._patterns or any(fnmatch.fnmatchcase(host.lower(), each) for each in self._patterns)
