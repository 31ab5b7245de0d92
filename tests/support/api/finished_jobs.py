"""Jobs that have ended, or stand as a test says, put into store and bucket without anybody's work."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Manifest, Output, Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_contract.wire import s3_keys

MIB = 2**20
ENDED = datetime(2026, 11, 26, 2, 7, 30, tzinfo=UTC)


class Finished:
    """Makes jobs beside a service whose stand-in is held meanwhile: it reads no manifests."""

    def __init__(self, service) -> None:
        self._service = service
        self._made: list[str] = []
        service.stand_in.paused.set()

    def keep(
        self,
        outcomes: Sequence[Outcome],
        prefix: str | None = None,
        total: int = 0,
        state: State = State.PARTIALLY_SUCCEEDED,
    ) -> ImageJob:
        """Return a job with these outcomes."""
        job = asyncio.run(
            put(
                Path(self._service.environ["JOB_STORE"].removeprefix("sqlite:")),
                total or len(outcomes),
                prefix,
                state,
            )
        )
        text = "".join(each.to_line() + "\n" for each in outcomes)
        self._service.s3_client.put_object(
            Bucket=self._service.s3.bucket, Key=s3_keys.results(job.uid, 0), Body=text.encode()
        )
        self._made.append(job.key.name)
        return job

    def output(self, key: str, data: bytes, variant: str = "default") -> OutputFile:
        """Put an output into the bucket."""
        self._service.s3_client.put_object(Bucket=self._service.s3.bucket, Key=key, Body=data)
        return OutputFile(variant, key, 1, 1, Format.JPEG, len(data))

    def large(self, count: int, size: int = 2 * MIB, prefix: str = "large") -> ImageJob:
        """Return a job of so many outputs of random bytes."""
        data = os.urandom(size)
        return self.keep(
            [Outcome(n, f"{n}.jpg", outputs=(self.output(f"{prefix}/{n}.jpg", data),)) for n in range(count)],
            prefix,
        )

    def forget(self) -> None:
        """Delete the jobs."""
        for name in self._made:
            self._service.http.delete(f"/api/jobs/{name}").raise_for_status()


async def put(path: Path, total: int, prefix: str | None, state: State) -> ImageJob:
    """Put a job of so many images into a store."""
    store = SqliteStore(path)
    try:
        job = await store.create(
            ImageJob(
                JobKey("default", names.new_job_id()),
                Spec(manifest=Manifest("m.jsonl", total), output=Output(prefix)),
            )
        )
        status = Status(
            state=state,
            attempt=1,
            counts=Counts(total, 0, total),
            results_key=s3_keys.job(job.uid),
            shards=1,
            completed=ENDED,
        )
        return await store.put_status(job, status)
    finally:
        await store.close()
