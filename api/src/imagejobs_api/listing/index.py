"""The newest jobs, trimmed to what a list tells, in a strict order: newest first, by time and then by name.

Bounded; asks nobody.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imagejobs_api.view import states
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, S3Key
from imagejobs_contract.model.spec import Manifest, Spec
from imagejobs_contract.model.status import ConditionType, State

Place = tuple[int, str]
"""Where a job stands within its namespace: seconds since the epoch, and its name, in which the API's own ids
hold the milliseconds.
"""
Lane = tuple[str, str, str]
"""Namespace, caller and state; the caller "" stands for all of the namespace, the state "" for all states."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, and the place after which the next begins; None at the end."""

    jobs: tuple[ImageJob, ...]
    after: Place | None


class Index:
    """Jobs by namespace and caller.

    Args:
        most: Jobs that are kept; beyond that the oldest go.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: dict[JobKey, ImageJob] = {}
        self._lanes: dict[Lane, list[Place]] = {}
        self._ages: list[tuple[int, str, str]] = []
        self._open: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, key: JobKey) -> bool:
        return key in self._jobs

    def keys(self) -> frozenset[JobKey]:
        """Return the keys of all jobs that are kept."""
        return frozenset(self._jobs)

    def put(self, job: ImageJob) -> None:
        """Keep a job as it stands, unless this or a newer state of it is kept already."""
        before = self._jobs.get(job.key)
        if before is not None and before.uid == job.uid and _version(before) >= _version(job) > 0:
            return
        self.drop(job.key)
        self._jobs[job.key] = kept = trimmed(job)
        place = place_of(kept)
        insort(self._ages, (place[0], place[1], job.key.namespace))
        for lane in lanes_of(kept):
            insort(self._lanes.setdefault(lane, []), place)
        self._count(kept, open_images(kept))
        if len(self._jobs) > self._most:
            _, name, namespace = self._ages[0]
            self.drop(JobKey(namespace, name))

    def drop(self, key: JobKey) -> None:
        """Forget a job; nothing happens if it is not kept."""
        job = self._jobs.pop(key, None)
        if job is None:
            return
        place = place_of(job)
        _remove(self._ages, (place[0], place[1], key.namespace))
        for lane in lanes_of(job):
            _remove(self._lanes[lane], place)
            if not self._lanes[lane]:
                del self._lanes[lane]
        self._count(job, -open_images(job))

    def open_images(self, namespace: str, caller: str) -> int:
        """Return how many images of a caller have not ended, as the jobs' status tells."""
        return self._open[(namespace, caller)]

    def page(
        self, namespace: str, caller: str, state: State | None, limit: int, after: Place | None
    ) -> Listed:
        """Return jobs that are older than a place, newest first."""
        places = self._lanes.get((namespace, caller, state or ""), [])
        end = len(places) if after is None else bisect_left(places, after)
        found = places[max(0, end - limit) : end]
        jobs = tuple(self._jobs[JobKey(namespace, name)] for _, name in reversed(found))
        return Listed(jobs, found[0] if end > limit else None)

    def _count(self, job: ImageJob, images: int) -> None:
        for caller in callers_of(job):
            place = job.key.namespace, caller
            self._open[place] += images
            if not self._open[place]:
                del self._open[place]


def trimmed(job: ImageJob) -> ImageJob:
    """Return what a list tells of a job, in about 2 kB: how many images, not which; how it failed, not each of them."""
    spec = Spec(
        manifest=Manifest(S3Key("-"), job.spec.total),
        retry_failed=job.spec.retry_failed,
        cancel=job.spec.cancel,
    )
    status = job.status
    failed = tuple(each for each in status.conditions if each.type is ConditionType.FAILED)
    status = replace(
        status,
        conditions=failed,
        outcomes=(),
        failures=status.failures[:1],
        failure_codes=status.failure_codes[:2],
        results_key=None,
    )
    labels, annotations = (
        _only(job.labels, names.LABEL_CALLER),
        _only(job.annotations, names.ANNOTATION_TITLE),
    )
    return replace(job, spec=spec, status=status, labels=labels, annotations=annotations, finalizers=())


def place_of(job: ImageJob) -> Place:
    """Return where a job stands."""
    return int(((job.created or EPOCH) - EPOCH).total_seconds()), job.key.name


def lanes_of(job: ImageJob) -> tuple[Lane, ...]:
    """Return the lists in which a job stands: that of all, and its caller's, with those of its state."""
    return tuple(
        (job.key.namespace, caller, state)
        for caller in callers_of(job)
        for state in ("", states.job_state(job))
    )


def callers_of(job: ImageJob) -> set[str]:
    """Return to whom a job counts: its caller, and ""."""
    return {"", job.labels.get(names.LABEL_CALLER, "")}


def open_images(job: ImageJob) -> int:
    """Return how many images of a job have not ended."""
    if states.job_state(job).final:
        return 0
    return max(0, job.spec.total - job.status.counts.done)


def _only(values: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: values[name]} if name in values else {}


def _version(job: ImageJob) -> int:
    # Opaque by contract, numbers in both stores; what is none counts as old, so that what is read last stays.
    return int(job.resource_version) if job.resource_version.isdecimal() else 0


def _remove(places: list, place: tuple) -> None:  # type: ignore[type-arg]  # of either kind of place
    position = bisect_left(places, place)
    if position < len(places) and places[position] == place:
        del places[position]
