"""Stores the ImageJob that a request asks for: the last step of every call that makes a job."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagejobs_api.http.errors import Problem
from imagejobs_api.submit import idempotency
from imagejobs_api.submit.form_reader import delete_uploads
from imagejobs_api.submit.forms import Source
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import AlreadyExists, Fault, Invalid, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.options import looks_for_faces
from imagejobs_contract.model.spec import DeletionPolicy
from imagejobs_contract.ports import JobStore
from imagejobs_contract.storage import ObjectStore

NO_FACES = (
    "face: this service finds no faces, unless those who run it install imagejobs-worker[face]"
    " (in Kubernetes: worker.faces=true)"
)


@dataclass(frozen=True, slots=True)
class CreatedJob:
    """A stored job, and the images that the request named.

    Attributes:
        single: The request is about one image and is answered with that image, not with a batch.
    """

    job: ImageJob
    sources: Sequence[Source]
    single: bool


class JobCreator:
    """Stores jobs, and deletes the uploads of a request whose job was refused.

    `FormIntake` and `JobIntake` share one, which lives as long as the app.

    Args:
        find_faces: Whether there are workers that crop around faces.
    """

    def __init__(self, store: JobStore, objects: ObjectStore, *, find_faces: bool) -> None:
        self._store = store
        self._objects = objects
        self._find_faces = find_faces

    async def create(self, job: ImageJob, upload_id: str, *, repeatable: bool) -> ImageJob:
        """Return the job once it is stored durably, or the job of an earlier request of the same content.

        Args:
            upload_id: Names the files that were stored for the job; "" if there are none.
            repeatable: An earlier request of the same content may have made the job already.

        Raises:
            Invalid: The store refuses the job, or the job asks for faces and no worker finds them.
            ImageJobsError: There is no job. Its uploads are deleted, except after `Unavailable`.
        """
        if job.spec.output.deletion_policy is DeletionPolicy.DELETE:
            job = replace(job, finalizers=(names.FINALIZER,))
        try:
            if not self._find_faces:
                reject_face_jobs(job)
            return await self._store.create(job)
        except (Invalid, AlreadyExists) as ex:
            if upload_id:
                await delete_uploads(self._objects, upload_id)
            if repeatable and isinstance(ex, AlreadyExists):
                return await self._get_repeated(job)
            raise
        # After Unavailable the job may be stored all the same and then needs its uploads. If it is not, the
        # bucket's lifecycle rule deletes them.

    async def find_earlier(self, job: ImageJob) -> ImageJob | None:
        """Return the job of an earlier request of the same content, or None.

        Raises:
            Problem: There is a job of this name from a request of another content.
        """
        try:
            return await self._get_earlier(job)
        except NotFound:
            return None

    async def _get_repeated(self, job: ImageJob) -> ImageJob:
        try:
            return await self._get_earlier(job)
        except NotFound as ex:
            raise Problem(
                Code.CONFLICT, "The job of this request was deleted just now.", retry_after_seconds=1
            ) from ex

    async def _get_earlier(self, job: ImageJob) -> ImageJob:
        earlier = await self._store.get(job.key)
        if not idempotency.is_repetition(job, earlier):
            raise Problem(Code.IDEMPOTENCY_MISMATCH, job_id=job.key.name)
        return earlier


def reject_face_jobs(job: ImageJob) -> None:
    """Refuse a job that asks for faces, instead of letting it fail image by image.

    Raises:
        Invalid: A variant of the job crops around faces.
    """
    if any(map(looks_for_faces, job.spec.variants)):
        raise Invalid([Fault("gravity", NO_FACES)])
