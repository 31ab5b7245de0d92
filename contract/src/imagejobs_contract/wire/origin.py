"""The origin of a job: the request and the trace that its log lines and spans name.

It is for people who follow a job through the logs; nothing is decided by it. It is in annotations, which
anyone who may write ImageJobs may write: a malformed value counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagejobs_contract.model import names
from imagejobs_contract.wire import traceparent

if TYPE_CHECKING:
    from imagejobs_contract.model.imagejob import ImageJob

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""Harmless in headers, logs and annotations."""
ENV_REQUEST_ID = "IMAGEJOB_REQUEST_ID"
ENV_CALLER = "IMAGEJOB_CALLER"
ENV_TRACEPARENT = "TRACEPARENT"
"""OpenTelemetry specification, "Environment variables as context propagation carriers"."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that made a job, and its trace.

    Attributes:
        request_id: As the answer's X-Request-ID had it; "" for jobs that no request made.
        traceparent: The span that the job's work continues (W3C Trace Context), "" if it is not traced.
    """

    request_id: str = ""
    traceparent: str = ""

    @classmethod
    def of(cls, job: ImageJob) -> Origin:
        """Return a job's origin."""
        found = job.annotations
        return cls.read(
            {
                "requestId": found.get(names.ANNOTATION_REQUEST),
                "traceparent": found.get(names.ANNOTATION_TRACEPARENT),
            }
        )

    @classmethod
    def read(cls, body: Mapping[str, object]) -> Origin:
        """Read a body of `to_body`, or of an older release, which has no such fields."""
        request_id = str(body.get("requestId") or "")
        return cls(
            request_id if REQUEST_ID.fullmatch(request_id) else "",
            traceparent.clean(str(body.get("traceparent") or "")),
        )

    def to_body(self) -> dict[str, str]:
        """Return the fields that are not empty."""
        return _drop_empty({"requestId": self.request_id, "traceparent": self.traceparent})

    def annotate(self, job: ImageJob) -> ImageJob:
        """Return the job with this origin."""
        found = _drop_empty(
            {names.ANNOTATION_REQUEST: self.request_id, names.ANNOTATION_TRACEPARENT: self.traceparent}
        )
        return replace(job, annotations={**job.annotations, **found})


def log_facts(job: ImageJob) -> dict[str, str]:
    """Return the facts of a job for its log lines."""
    known = {"job_id": job.key.name, "namespace": job.key.namespace}
    return known | _drop_empty({"caller": job.caller, "request_id": Origin.of(job).request_id})


def environment(job: ImageJob, origin: Origin) -> dict[str, str]:
    """Return the origin as environment variables, for the pods of a Job."""
    return _drop_empty(
        {ENV_REQUEST_ID: origin.request_id, ENV_CALLER: job.caller, ENV_TRACEPARENT: origin.traceparent}
    )


def _drop_empty(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
