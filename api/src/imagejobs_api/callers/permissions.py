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


class ClusterRights:
    """The parts of the cluster that each caller's jobs may use.

    Args:
        priority_classes: Classes that the pods of all callers' jobs may have; None where there is no cluster,
            so that a name means nothing and any is taken.
        queues: Queues of Kueue that all callers may name; None as above.
    """

    def __init__(self, priority_classes: tuple[str, ...] | None, queues: tuple[str, ...] | None) -> None:
        self._priority_classes = priority_classes
        self._queues = queues

    def priority_classes(self, caller: Caller) -> tuple[str, ...] | None:
        """Return the classes that the caller may name; None allows any."""
        given = self._priority_classes
        return None if given is None else (*given, *caller.priority_classes)

    def queues(self, caller: Caller) -> tuple[str, ...] | None:
        """Return the queues that the caller may name; None allows any."""
        return None if self._queues is None else (*self._queues, *caller.queues)


def check_priority_classes(reader: Reader, name: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes of a setting; those of the cluster's own parts are faults."""
    for each in given:
        if each.startswith(limits.CLUSTER_CLASS_PREFIX):
            reader.fault(name, f"{each} is of the cluster's own parts")
    return given


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
