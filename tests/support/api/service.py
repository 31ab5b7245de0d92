"""An API that runs beside real data servers, as most tests of tests/api get it from the fixture `service`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Status
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.stores.sqlite import SqliteStore
from support.api.client import WAIT, ApiClient
from support.api.fake_worker import FakeWorker
from support.api.process import Api


@dataclass(frozen=True)
class Service:
    """An API process, its data servers, and the worker that finishes its jobs.

    Attributes:
        http: A client whose base URL is the API's.
        s3_client: boto3's client of the bucket.
        environ: The API's variables, to start another one on the same data.
    """

    api: Api
    worker: FakeWorker
    http: httpx2.Client
    s3: S3Settings
    s3_client: Any
    environ: dict[str, str]

    @property
    def client(self) -> ApiClient:
        """The API's calls."""
        return ApiClient(self.http)

    @property
    def store_path(self) -> Path:
        """The file of the job store."""
        return Path(self.environ["JOB_STORE"].removeprefix("sqlite:"))

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the bucket."""
        page = self.s3_client.list_objects_v2(Bucket=self.s3.bucket, Prefix=prefix)
        return [each["Key"] for each in page.get("Contents", [])]

    def outputs(self, job_id: str) -> list[str]:
        """Return the keys of the results under a job's own prefix, without that prefix."""
        return [key.split("/", 2)[2] for key in self.keys(f"outputs/default.{job_id}.")]

    def put_object(self, key: str, data: bytes, **metadata: str) -> None:
        """Store an object in the bucket."""
        self.s3_client.put_object(Bucket=self.s3.bucket, Key=key, Body=data, Metadata=metadata)

    def delete_object(self, key: str) -> None:
        """Delete an object of the bucket."""
        self.s3_client.delete_object(Bucket=self.s3.bucket, Key=key)

    def unfinished_uploads(self) -> list[dict[str, Any]]:
        """Return the multipart uploads that were neither completed nor aborted."""
        found: list[dict[str, Any]] = self.s3_client.list_multipart_uploads(Bucket=self.s3.bucket).get(
            "Uploads", []
        )
        return found

    def store_job(self, job: ImageJob, status: Status | Callable[[ImageJob], Status]) -> ImageJob:
        """Store a job as an operator would leave it; pauses the worker, which would finish it.

        Args:
            status: The status, or a function that makes it of the stored job, which has a uid.
        """
        self.worker.pause()

        async def put() -> ImageJob:
            store = SqliteStore(self.store_path)
            try:
                stored = await store.create(job)
                return await store.put_status(stored, status(stored) if callable(status) else status)
            finally:
                await store.close()

        return asyncio.run(put())

    def finish_job(
        self, body: Any, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], ImageJob]:
        """POST a job and wait for its end; return the answer, and the ImageJob in the store."""
        answer = self.client.post_job(body, WAIT | dict(headers or {}))
        assert answer.status_code == 200, answer.text
        return answer.json(), self.worker.job(answer.json()["job_id"])
