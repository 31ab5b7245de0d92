"""Finds the job, or the image of a job, that an id of a client means.

`find` and `find_job` find what a caller owns. What only reads asks `find_readable` and `find_readable_job`:
these also find the jobs of the caller's namespace that kubectl made, if the caller was given those
(`kubectl_jobs`).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.errors import Problem
from imagejobs_api.view.watch_tickets import Ticket
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.status import ConditionType
from imagejobs_contract.ports import JobStore

_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobOrImage:
    """The target of a request: a whole job, or one image of it.

    Attributes:
        index: Number of the image, from 0; None means the whole job.
    """

    job: ImageJob
    index: int | None = None

    @property
    def id(self) -> str:
        """Return the id of the job or of its image."""
        name = self.job.key.name
        return name if self.index is None else names.sub_job_id(name, self.index)


async def find(store: JobStore, caller: Caller, identifier: str) -> JobOrImage:
    """Return the caller's job with this id, or else the caller's image with it.

    Raises:
        Problem: The caller has nothing with that id (404); or the job cannot be read (409).
    """
    found = await _find(partial(_job, store, caller), identifier)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    return found


async def find_readable(store: JobStore, caller: Caller, identifier: str) -> JobOrImage:
    """Return the job or image with this id that the caller may read: its own before one of kubectl's.

    Raises:
        Problem: As `find`.
    """
    found = await _find(partial(_job, store, caller), identifier)
    if found is None and caller.kubectl_jobs:
        found = await _find(partial(_kubectl_job, store, caller), identifier)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    return found


async def find_job(store: JobStore, caller: Caller, identifier: str) -> ImageJob:
    """Return the caller's job with this id.

    Raises:
        Problem: As `find`; and 404 for the id of an image.
    """
    return _whole(await find(store, caller, identifier))


async def find_readable_job(store: JobStore, caller: Caller, identifier: str) -> ImageJob:
    """Return the job with this id that the caller may read.

    Raises:
        Problem: As `find_job`.
    """
    return _whole(await find_readable(store, caller, identifier))


async def find_watched(store: JobStore, ticket: Ticket) -> ImageJob:
    """Return the job of a ticket.

    Raises:
        Problem: It is gone, or about to be (404); or it cannot be read (409).
    """
    job = await _job(store, Caller(ticket.key.namespace), ticket.key.name)
    if job is None or job.deleting or not ticket.fits(job):
        raise Problem(Code.NOT_FOUND, "The job of this link was deleted.")
    return job


async def _find(get: Callable[[str], Awaitable[ImageJob | None]], identifier: str) -> JobOrImage | None:
    job = await get(identifier)
    if job is not None:
        return JobOrImage(job)
    parts = names.split_sub_job(identifier)
    job = await get(parts[0]) if parts else None
    return JobOrImage(job, parts[1]) if parts and job and parts[1] < job.spec.total else None


def _whole(found: JobOrImage) -> ImageJob:
    if found.index is not None:
        raise Problem(Code.NOT_FOUND, "This is one image of a job: leave the number at its end out.")
    return found.job


async def _kubectl_job(store: JobStore, caller: Caller, name: str) -> ImageJob | None:
    """Return a job of the caller's namespace that kubectl made, once its operator has accepted it.

    What its namespace was not given, such as a prefix, only the operator knows. A job that says that the API
    made it is nobody's here: where no policy guards that, anybody may have written it.
    """
    if not _ID.fullmatch(name):
        return None
    try:
        job = await store.get(caller.job_key(name), caller=names.UNOWNED)
    except (NotFound, UnreadableJob):
        return None
    return None if job.made_by_api or not job.status.is_true(ConditionType.ACCEPTED) else job


async def _job(store: JobStore, caller: Caller, name: str) -> ImageJob | None:
    if not _ID.fullmatch(name):
        return None
    try:
        job = await store.get(caller.job_key(name), caller=caller.name or None)
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
