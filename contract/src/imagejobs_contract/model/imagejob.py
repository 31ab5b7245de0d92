"""The ImageJob as a store has it: metadata, spec and status; read from a Kubernetes object, and written back.

Field names in bodies are the CRD's. `status` is read leniently: the status of an older or newer operator
must never stop a program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model import names
from imagejobs_contract.model.names import NO_UID, CallerName, JobKey, Uid
from imagejobs_contract.model.output_names import default_prefix, prefix_by_name
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.spec_json import read_spec, spec_body
from imagejobs_contract.model.status import Status
from imagejobs_contract.model.status_json import read_status, status_body
from imagejobs_contract.model.times import format_time, parse_time
from imagejobs_contract.reader import Reader

_SAID_BY_API = (names.ANNOTATION_UPLOADS, names.ANNOTATION_SOURCES)


@dataclass(frozen=True, slots=True)
class ImageJob:
    """One ImageJob as a store has it.

    Attributes:
        uid: Unlike the name, never used twice; "" before creation.
        resource_version: Changes with every write; "" before creation.
        generation: Grows with every change of the spec.
        created: When the store took it.
        deleting: Deletion was requested, and waits for the finalizers.
    """

    key: JobKey
    spec: Spec
    uid: Uid = NO_UID
    resource_version: str = ""
    generation: int = 1
    created: datetime | None = None
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    status: Status = field(default_factory=Status)

    @property
    def caller(self) -> CallerName:
        """Return the name of the caller whose job it is."""
        return CallerName(self.labels.get(names.LABEL_CALLER, ""))

    @property
    def is_sample(self) -> bool:
        """Return whether the job only shows what options do to a picture."""
        return self.labels.get(names.LABEL_SAMPLE) == "true"

    @property
    def made_by_api(self) -> bool:
        """Return whether the API made the job, by what only the API may say of it."""
        return bool(self.caller) or any(each in self.annotations for each in _SAID_BY_API)

    @property
    def prefix(self) -> str:
        """Return the S3 prefix of the outputs."""
        return self.spec.output.prefix or default_prefix(self.key.namespace, self.key.name, self.uid)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Return every S3 prefix under which outputs of this job may lie; the last may hold others' too.

        A job that an earlier release began has outputs under the prefix of its name.
        """
        return (self.prefix, prefix_by_name(self.key.name)) if self.has_own_prefix else (self.prefix,)

    @property
    def has_own_prefix(self) -> bool:
        """Return whether the prefix holds nothing but this job's outputs, because no user chose it."""
        return self.spec.output.prefix is None

    def item_name(self, index: int) -> str:
        """Return the name of an image, "" if it has none or is listed in a manifest."""
        return self.spec.items[index].name if index < len(self.spec.items) else ""

    @classmethod
    def from_body(cls, body: Mapping[str, Any], spec: Spec | None = None) -> "ImageJob":
        """Read a Kubernetes object, as a store has it.

        Unknown fields are ignored. The API server keeps no field that its CRD lacks, so an unknown field is
        one of a newer CRD: an upgrade brings the CRD first, and its defaults are then in every object.
        Programs that still run must neither refuse new jobs nor end old ones because of them.

        Args:
            body: The object.
            spec: Its spec, if it was read before; the one in the body is then not looked at.

        Raises:
            UnreadableJob: With every fault of the spec, and with all that could be read.
        """
        meta = body.get("metadata") or {}
        reader = Reader(body, tolerant=True)
        if spec is None:
            spec = read_spec(reader.child("spec") or Reader({}, "spec", reader.faults))
        job = cls(
            key=JobKey(meta.get("namespace") or names.LOCAL_NAMESPACE, meta.get("name", "")),
            spec=spec,
            uid=Uid(meta.get("uid", "")),
            resource_version=str(meta.get("resourceVersion", "")),
            generation=int(meta.get("generation") or 1),
            created=parse_time(meta.get("creationTimestamp")),
            deleting=meta.get("deletionTimestamp") is not None,
            labels=dict(meta.get("labels") or {}),
            annotations=dict(meta.get("annotations") or {}),
            finalizers=tuple(meta.get("finalizers") or ()),
            status=read_status(body.get("status")),
        )
        if reader.faults:
            raise UnreadableJob(reader.faults, replace(job, spec=Spec(class_name=spec.class_name)))
        return job

    def to_body(self) -> dict[str, Any]:
        """Return the object as Kubernetes takes it; fields at their defaults are left out."""
        meta: dict[str, Any] = {
            "name": self.key.name,
            "namespace": self.key.namespace,
            "generation": self.generation,
        }
        optional = {
            "uid": self.uid,
            "resourceVersion": self.resource_version,
            "creationTimestamp": format_time(self.created) if self.created else "",
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "finalizers": list(self.finalizers),
        }
        meta |= {name: value for name, value in optional.items() if value}
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": meta,
            "spec": spec_body(self.spec),
        }
        status = status_body(self.status)
        return body | {"status": status} if status else body


class UnreadableJob(Invalid):
    """Raised for a stored job whose spec is not valid.

    Attributes:
        job: The job with an empty spec but for its class, so that its status can be written and it can be
            deleted.
    """

    def __init__(self, faults: Sequence[Fault], job: ImageJob) -> None:
        self.job = job
        super().__init__(faults)
