"""What the ImageJobs of a namespace may use, and what a new one asks for beyond it (pure).

Whoever may create ImageJobs in a namespace gets what an administrator gave the namespace, and nothing else.
These rules do not apply to a job that the API made: the API checked what its caller may do (docs/callers.md).
That the API made a job is told by labels and annotations which only the API may set
(`manifests/admission.yaml`, docs/adr/0018-a-namespace-is-a-border.md).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.output_names import PREFIX_PATTERN
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.spec_json import DNS_LABEL, DNS_NAME
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import source_prefixes

VARIABLE = "GRANTS"
FIELDS = ("sources", "outputs", "priorityClasses", "queues", "callbacks", "pods")
MAX_CHARACTERS = 100_000
MAX_NAMES = 50
MAX_PODS = 1000
"""As `spec.parallelism`."""
MAX_FAULTS = 5
"""Faults that a refusal names: the items of one job can have 500."""
UNGUARDED = (
    "it says that the API made it, which anybody could say here: apply the policy claims.imagejobs.dev "
    "(manifests/admission.yaml), or trust everybody with TRUST_CLAIMS=true (docs/security.md)"
)
ASK = "an administrator gives it in the value `grants` of the chart (docs/install.md)"

_PREFIX = r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*/"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one namespace was given; by default nothing.

    Attributes:
        sources: Prefixes in the bucket from which its jobs may read images and manifests.
        outputs: Prefixes under which they may put results, beside each job's own.
        priority_classes: Classes that the pods of its jobs may have.
        queues: Queues of Kueue that they may name.
        callbacks: Whether its jobs may have a callback, which is signed with the shared secret.
        pods: Maximum pods of all its Jobs at a time; of each, for Jobs that Kueue admits. With 0 it has no
            Jobs: no pod runs in the namespace, which then needs no credentials, and the pool does the work.
    """

    sources: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    callbacks: bool = False
    pods: int = 0


NOTHING = Grant()


@dataclass(frozen=True, slots=True)
class Grants:
    """What each namespace was given; one that is not named was given nothing."""

    by_namespace: Mapping[str, Grant] = field(default_factory=dict)

    def of(self, job: ImageJob) -> Grant:
        """Return what the namespace of a job was given."""
        return self.by_namespace.get(job.key.namespace, NOTHING)


def read_grants(reader: Reader) -> Grants:
    """Read GRANTS: namespace -> what it was given, as JSON; faults go to the reader."""
    text = reader.text(VARIABLE, MAX_CHARACTERS)
    try:
        body = json.loads(text or "{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, Mapping):
        reader.fault(VARIABLE, "is not a JSON object of namespaces")
        return Grants()
    outer = Reader(body, VARIABLE, reader.faults)
    found = {name: _read_grant(child) for name in body if (child := outer.child(name))}
    return Grants(found)


def list_faults(job: ImageJob, grant: Grant) -> list[str]:
    """Return what a job asks for that its namespace was not given, a few of it; nothing if the API made it.

    They tell nothing about the bucket: whether a file exists is not asked before its key is allowed.
    """
    if job.made_by_api:
        return []
    found = []
    for fault in _faults(job, grant):
        found.append(fault)
        if len(found) == MAX_FAULTS:
            break
    return found


def readable_prefixes(job: ImageJob, grants: Grants | None) -> tuple[str, ...] | None:
    """Return the prefixes from which the lines of a job's manifest may name keys; None allows every key."""
    if grants is None or job.made_by_api:
        return source_prefixes.read_annotation(job.annotations)
    return grants.of(job).sources


def confine(job: ImageJob, grant: Grant) -> ImageJob:
    """Return the job with no more than it was given of what can be changed while it runs.

    That is the number of pods at a time, and the label for Kueue's priority, which is dropped unless it was
    given. It also binds the API's jobs.
    """
    spec, labels = job.spec, job.labels
    if 0 < grant.pods < spec.parallelism:
        spec = replace(spec, parallelism=grant.pods)
    if labels.get(names.LABEL_PRIORITY, "") not in ("", *grant.priority_classes):
        labels = {name: value for name, value in labels.items() if name != names.LABEL_PRIORITY}
    return job if spec is job.spec and labels is job.labels else replace(job, spec=spec, labels=labels)


def _faults(job: ImageJob, grant: Grant) -> Iterator[str]:
    spec = job.spec
    if spec.manifest and not source_prefixes.may_read(spec.manifest.key, grant.sources):
        yield "spec.manifest.key: is under no source prefix of this namespace"
    for n, item in enumerate(spec.items):
        if item.key is not None and not source_prefixes.may_read(item.key, grant.sources):
            yield f"spec.items[{n}].key: is under no source prefix of this namespace"
    prefix = spec.output.prefix
    if prefix is not None and not f"{prefix.rstrip('/')}/".startswith(grant.outputs):
        yield "spec.output.prefix: is under no output prefix of this namespace"
    for name, value, given in (
        ("priorityClassName", spec.priority_class_name, grant.priority_classes),
        ("queueName", spec.queue_name, grant.queues),
    ):
        if value and value not in given:
            yield f"spec.{name}: {value} was not given to this namespace"
    if (spec.execution is Execution.JOB or job.status.job_name) and not grant.pods:
        yield "spec.execution: pods were not given to this namespace"
    if spec.callback_url and not grant.callbacks:
        yield "spec.callback: callbacks were not given to this namespace"


def _read_grant(reader: Reader) -> Grant:
    reader.unknown(FIELDS)
    return Grant(
        sources=_read_prefixes(reader, "sources", _PREFIX),
        outputs=_read_prefixes(reader, "outputs", PREFIX_PATTERN),
        priority_classes=_read_classes(reader),
        queues=reader.texts("queues", MAX_NAMES, 63, DNS_LABEL, "a DNS label"),
        callbacks=reader.boolean("callbacks"),
        pods=reader.integer("pods", 0, MAX_PODS, 0) or 0,
    )


def _read_prefixes(reader: Reader, name: str, pattern: str) -> tuple[str, ...]:
    found = reader.texts(name, MAX_NAMES, limits.MAX_PREFIX_LENGTH, pattern, "an S3 prefix such as photos/")
    for each in found:
        if not each.endswith("/") or not source_prefixes.is_plain(each):
            reader.fault(name, f"{each!r} does not end with a slash, or holds a part that is empty, . or ..")
        elif source_prefixes.is_reserved(each):
            reader.fault(name, f"{each!r} holds files of others: {' '.join(source_prefixes.RESERVED)}")
    return found


def _read_classes(reader: Reader) -> tuple[str, ...]:
    found = reader.texts("priorityClasses", MAX_NAMES, 253, DNS_NAME, "a DNS name")
    for each in found:
        if each.startswith(limits.CLUSTER_CLASS_PREFIX):
            reader.fault("priorityClasses", f"{each} is of the cluster's own parts")
    return found
