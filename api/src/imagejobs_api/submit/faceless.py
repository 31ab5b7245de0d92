"""Where no worker finds faces, a job that asks for it is refused when it is made, instead of failing image by image."""

from imagejobs_api.listing.indexed_store import IndexedStore
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.options import looks_for_faces

NO_FACES = "face: this service finds no faces, unless those who run it install imagejobs-worker[face] (in Kubernetes: worker.faces=true)"


class FacelessStore(IndexedStore):
    """Takes all jobs but those that ask for faces: here, as every call that makes a job comes through."""

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job.

        Raises:
            Invalid: It asks for faces.
        """
        if any(map(looks_for_faces, job.spec.variants)):
            raise Invalid([Fault("gravity", NO_FACES)])
        return await super().create(job)
