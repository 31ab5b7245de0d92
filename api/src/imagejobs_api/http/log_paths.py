"""Paths as the log may have them: without the tickets of watch links, and without API keys by mistake."""

import re

from imagejobs_api.callers import api_keys

MAX_CHARACTERS = 200
_TICKET = re.compile(r"(?<=/watch/)[^/]+")


def loggable_path(path: str) -> str:
    """Return a path with the secrets in it masked, and cut to `MAX_CHARACTERS`."""
    return api_keys.mask_keys(_TICKET.sub("...", path)[:MAX_CHARACTERS])
