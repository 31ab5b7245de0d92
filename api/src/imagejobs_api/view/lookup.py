"""From an id that a client knows to a job, or to one image of it."""

import re
from dataclasses import dataclass

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.ports import JobStore

_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobOrImage:
    """A job, and the place of the image that was asked for; None asks for the whole job."""

    job: ImageJob
    index: int | None = None

    @property
    def id(self) -> str:
        """Return the id of the job or of its image."""
        name = self.job.key.name
        return name if self.index is None else names.sub_job_id(name, self.index)


async def find(store: JobStore, caller: Caller, identifier: str) -> JobOrImage:
    """Return what of the caller's has this id; a whole job goes before a sub-job.

    Raises:
        Problem: There is nothing of that id (404), which is also said of others' jobs; or what there is
            cannot be read (409).
    """
    job = await _job(store, caller, identifier)
    if job is not None:
        return JobOrImage(job)
    parts = names.split_sub_job(identifier)
    job = await _job(store, caller, parts[0]) if parts else None
    if parts and job and parts[1] < job.spec.total:
        return JobOrImage(job, parts[1])
    raise Problem(Code.NOT_FOUND)


async def find_job(store: JobStore, caller: Caller, identifier: str) -> ImageJob:
    """Return the caller's job of this id; one image of a job is none.

    Raises:
        Problem: As `find`.
    """
    found = await find(store, caller, identifier)
    if found.index is not None:
        raise Problem(Code.NOT_FOUND, "This is one image of a job: leave the number at its end out.")
    return found.job


async def _job(store: JobStore, caller: Caller, name: str) -> ImageJob | None:
    if not _ID.fullmatch(name):
        return None
    try:
        job = await store.get(caller.job_key(name))
    except NotFound:
        return None
    except UnreadableJob as ex:
        if not caller.owns(ex.job.labels):
            return None
        raise Problem(
            Code.CONFLICT,
            "The job was written by another version of imagejobs.",
            job_id=name,
            retryable=False,
        ) from ex
    return job if caller.owns(job.labels) else None
