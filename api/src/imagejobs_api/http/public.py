"""Resources that need no API key say so by an attribute `is_public`; probes and the documentation do."""


def is_public(resource: object) -> bool:
    """Return whether a resource answers without an API key."""
    return getattr(resource, "is_public", False) is True
