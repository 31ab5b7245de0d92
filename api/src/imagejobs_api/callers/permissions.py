"""Where in the bucket a caller may read and write: its own uploads, and the configured prefixes. Pure."""

from collections.abc import Iterable

from imagejobs_api.callers.caller import Caller
from imagejobs_contract.model import limits
from imagejobs_contract.model.output_names import PREFIX_PATTERN
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import source_prefixes

PATTERN = r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*"
SHAPE = "an S3 prefix such as photos/"
MAX_PREFIXES = 50


class Prefixes:
    """The prefixes in the bucket that each caller may name.

    Args:
        sources: From which all callers may read images.
        outputs: Under which all callers may store results; without any, results go to the job's own prefix.
    """

    def __init__(self, sources: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> None:
        self._sources = sources
        self._outputs = outputs

    def sources(self, caller: Caller) -> tuple[str, ...]:
        """Return the prefixes from which the caller may read images."""
        own = source_prefixes.own_uploads_prefix(caller.namespace, caller.name)
        return (own, *self._sources, *caller.source_prefixes)

    def outputs(self, caller: Caller) -> tuple[str, ...]:
        """Return the prefixes under which the caller may store results."""
        return (*self._outputs, *caller.output_prefixes)


def read_source_prefixes(reader: Reader, name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes of a setting, each with a slash at its end; faults go to the reader."""
    found = tuple(f"{each.rstrip('/')}/" for each in given)
    for each in found:
        if not source_prefixes.may_read(each, found):
            reader.fault(name, f"{each!r} holds a part that is empty, . or ..")
        elif source_prefixes.is_reserved(each):
            reserved = " ".join(source_prefixes.RESERVED)
            reader.fault(name, f"{each!r} would open what is kept apart by caller: {reserved}")
    return found


def read_output_prefixes(reader: Reader, name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes of a setting for outputs, as `read_source_prefixes`; faults go to the reader."""
    found = read_source_prefixes(reader, name, given)
    for each in found:
        Reader({name: each}, "", reader.faults).text(
            name, limits.MAX_PREFIX_LENGTH, pattern=PREFIX_PATTERN, shape=SHAPE
        )
    return found
