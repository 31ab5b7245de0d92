"""Where a job came from: the request and the trace that its log lines and spans name, so that people find the way. Nothing is decided by it.

It stands in annotations, which anybody may write who may write ImageJobs: what has not the right shape counts
as not there.
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
    """Which request made a job.

    Attributes:
        request_id: As the answer's X-Request-ID had it; "" for jobs that no request made.
        traceparent: The span that whoever does the work goes on from (W3C Trace Context), "" if it is not
            traced.
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
        """Read what `to_body` wrote, or an older release did not."""
        request_id = str(body.get("requestId") or "")
        return cls(
            request_id if REQUEST_ID.fullmatch(request_id) else "",
            traceparent.clean(str(body.get("traceparent") or "")),
        )

    def to_body(self) -> dict[str, str]:
        """Return what there is of it."""
        return _drop_empty({"requestId": self.request_id, "traceparent": self.traceparent})

    def annotate(self, job: ImageJob) -> ImageJob:
        """Return the job with this origin."""
        found = _drop_empty(
            {names.ANNOTATION_REQUEST: self.request_id, names.ANNOTATION_TRACEPARENT: self.traceparent}
        )
        return replace(job, annotations={**job.annotations, **found})


def log_facts(job: ImageJob) -> dict[str, str]:
    """Return what every log line about a job names."""
    known = {"job_id": job.key.name, "namespace": job.key.namespace}
    return known | _drop_empty({"caller": job.caller, "request_id": Origin.of(job).request_id})


def environment(job: ImageJob, origin: Origin) -> dict[str, str]:
    """Return the same for the pods of a Job, as environment variables."""
    return _drop_empty(
        {ENV_REQUEST_ID: origin.request_id, ENV_CALLER: job.caller, ENV_TRACEPARENT: origin.traceparent}
    )


def _drop_empty(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
