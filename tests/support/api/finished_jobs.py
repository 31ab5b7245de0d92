"""Jobs with outcomes that a test chose, written into store and bucket without a worker."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Manifest, Output, Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.wire import s3_keys
from support.api.service import Service

MIB = 2**20
ENDED = datetime(2026, 11, 26, 2, 7, 30, tzinfo=UTC)


class FinishedJobs:
    """Makes finished jobs beside a service. Pauses the fake worker, which cannot read their manifests."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: list[str] = []
        service.worker.pause()

    def add(
        self,
        outcomes: Sequence[Outcome],
        prefix: str | None = None,
        total: int = 0,
        state: State = State.PARTIALLY_SUCCEEDED,
        manifest: str = "m.jsonl",
        annotations: Mapping[str, str] | None = None,
    ) -> ImageJob:
        """Return a job with these outcomes; `total` is the number of images if it differs from theirs."""
        count = total or len(outcomes)
        job = ImageJob(
            JobKey("default", names.new_job_id()),
            Spec(manifest=Manifest(manifest, count), output=Output(prefix)),
            annotations=dict(annotations or {}),
        )
        job = self._service.store_job(job, lambda stored: _make_status(stored, count, state))
        text = "".join(each.to_line() + "\n" for each in outcomes)
        self._service.put_object(s3_keys.results(job.uid, 0), text.encode())
        self._made.append(job.key.name)
        return job

    def put_output(self, key: str, data: bytes, variant: str = "default") -> OutputFile:
        """Put an output into the bucket."""
        self._service.put_object(key, data)
        return OutputFile(variant, key, 1, 1, Format.JPEG, len(data))

    def add_large(self, count: int, size: int = 2 * MIB, prefix: str = "large") -> ImageJob:
        """Return a job of `count` outputs of `size` random bytes each."""
        data = os.urandom(size)
        outputs = [self.put_output(f"{prefix}/{n}.jpg", data) for n in range(count)]
        return self.add([Outcome(n, f"{n}.jpg", outputs=(each,)) for n, each in enumerate(outputs)], prefix)

    def delete_all(self) -> None:
        """Delete the jobs."""
        for name in self._made:
            self._service.http.delete(f"/api/jobs/{name}").raise_for_status()


def _make_status(job: ImageJob, count: int, state: State) -> Status:
    return Status(
        state=state,
        attempt=1,
        counts=Counts(count, 0, count),
        results_key=s3_keys.job(job.uid),
        shards=1,
        completed=ENDED,
    )
