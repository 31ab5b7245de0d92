"""The shard that a pod is to do, from the variables that the operator and Kubernetes set in the pod."""

from dataclasses import dataclass, field

from imagejobs_contract.model.names import (
    LOCAL_NAMESPACE,
    MAX_NAME_LENGTH,
    NAME_PATTERN,
    NO_CALLER,
    CallerName,
    JobKey,
    Uid,
)
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.origin import ENV_CALLER, ENV_REQUEST_ID, ENV_TRACEPARENT, Origin
from imagejobs_contract.wire.shards import (
    ENV_ATTEMPT,
    ENV_INDEX,
    ENV_NAME,
    ENV_NAMESPACE,
    ENV_RETRY_CODES,
    ENV_UID,
    read_retry_codes,
)

MAX_CODES_LENGTH = 2100
"""32 codes of 63 characters, with commas."""
UID = "[A-Za-z0-9-]{1,64}"


@dataclass(frozen=True, slots=True)
class ShardKey:
    """A shard of a job, and the attempt of the job.

    Attributes:
        retry_codes: Codes of the failures that the attempt works on again; none for all.
    """

    job: JobKey
    uid: Uid
    attempt: int
    shard: int
    caller: CallerName = NO_CALLER
    origin: Origin = field(default_factory=Origin)
    retry_codes: frozenset[str] = frozenset()

    @classmethod
    def read(cls, reader: Reader) -> "ShardKey":
        """Read every variable."""
        for name in (ENV_NAME, ENV_UID, ENV_ATTEMPT, ENV_INDEX):
            if not reader.has(name):
                reader.fault(name, "is missing; the operator sets it in the pods of a Job")
        name = (
            reader.text(
                ENV_NAME, MAX_NAME_LENGTH, default="", pattern=NAME_PATTERN, shape="an ImageJob's name"
            )
            or ""
        )
        namespace = reader.text(ENV_NAMESPACE, 63, default=LOCAL_NAMESPACE) or LOCAL_NAMESPACE
        uid = reader.text(ENV_UID, 64, default="", pattern=UID, shape="a uid") or ""
        attempt, shard = reader.integer(ENV_ATTEMPT, 1, 10**6, 1), reader.integer(ENV_INDEX, 0, 10**6, 0)
        origin = Origin.read(
            {"requestId": reader.text(ENV_REQUEST_ID, 64), "traceparent": reader.text(ENV_TRACEPARENT, 300)}
        )
        return cls(
            JobKey(namespace, name),
            Uid(uid),
            attempt or 1,
            shard or 0,
            CallerName(reader.text(ENV_CALLER, 63, default="") or ""),
            origin,
            read_retry_codes(reader.text(ENV_RETRY_CODES, MAX_CODES_LENGTH)),
        )
