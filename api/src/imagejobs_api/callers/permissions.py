"""Where in the bucket callers may read and write by name: their own uploads, and the prefixes that were configured, for all or for one. Pure."""

from collections.abc import Iterable

from imagejobs_api.callers.caller import Caller
from imagejobs_contract.model import limits
from imagejobs_contract.model.output_names import PREFIX_PATTERN
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import source_prefixes as sources

PATTERN = r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*"
SHAPE = "an S3 prefix such as photos/"
MAX_PREFIXES = 50


class Allowance:
    """Knows what each caller may name.

    Args:
        source_prefixes: What all callers may read.
        output_prefixes: Where all may have results put; without one they lie under `outputs/<job id>/`.
    """

    def __init__(self, source_prefixes: tuple[str, ...] = (), output_prefixes: tuple[str, ...] = ()) -> None:
        self._sources = source_prefixes
        self._outputs = output_prefixes

    def sources(self, caller: Caller) -> tuple[str, ...]:
        """Return what the keys of sources must begin with."""
        return (
            sources.own_uploads_prefix(caller.namespace, caller.name),
            *self._sources,
            *caller.source_prefixes,
        )

    def outputs(self, caller: Caller) -> tuple[str, ...]:
        """Return what the prefixes of outputs must begin with."""
        return (*self._outputs, *caller.output_prefixes)


def source_prefixes(reader: Reader, name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return prefixes of a setting, each with a slash at its end; faults go to the reader."""
    found = tuple(f"{each.rstrip('/')}/" for each in given)
    for each in found:
        if not sources.may_read(each, found):
            reader.fault(name, f"{each!r} holds a part that is empty, . or ..")
        elif sources.is_reserved(each):
            reader.fault(
                name, f"{each!r} would open what is kept apart by caller: {' '.join(sources.RESERVED)}"
            )
    return found


def output_prefixes(reader: Reader, name: str, given: Iterable[str]) -> tuple[str, ...]:
    """Return prefixes of a setting that an ImageJob's outputs may have."""
    found = source_prefixes(reader, name, given)
    for each in found:
        Reader({name: each}, "", reader.faults).text(
            name, limits.MAX_PREFIX_LENGTH, pattern=PREFIX_PATTERN, shape=SHAPE
        )
    return found
