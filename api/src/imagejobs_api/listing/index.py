"""The newest jobs in memory, newest first by time and then by name, with only the fields that a list shows.

Bounded; does no I/O.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from imagejobs_api.view import states
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, S3Key
from imagejobs_contract.model.spec import Execution, Manifest, Spec
from imagejobs_contract.model.status import ConditionType, State

SortKey = tuple[int, str]
"""The order of jobs within a namespace: creation in seconds since 1970, then the name.

In the API's own names the milliseconds come first.
"""
Bucket = tuple[str, str, str]
"""Namespace, caller and state; the caller "" means all callers, the state "" all states."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IndexPage:
    """A page of the list.

    Attributes:
        after: Sort key after which the next page begins; None at the end.
    """

    jobs: tuple[ImageJob, ...]
    after: SortKey | None


class Index:
    """Jobs by namespace, caller and state, each list sorted.

    `Reflector` and `IndexedStore` write it; `JobList` reads pages from it and `Quotas` reads `open_images`,
    `pool_images` and `samples`. Samples are counted, but are on no page.
    Lives as long as the app.

    Args:
        max_jobs: Jobs that are kept; the oldest one goes when a newer one comes.
    """

    def __init__(self, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._jobs: dict[JobKey, ImageJob] = {}
        self._buckets: dict[Bucket, list[SortKey]] = {}
        self._ages: list[tuple[int, str, str]] = []
        self._open: Counter[tuple[str, str]] = Counter()
        self._in_pool: Counter[tuple[str, str]] = Counter()
        self._samples: Counter[tuple[str, str]] = Counter()
        self._pool_images: dict[JobKey, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, key: JobKey) -> bool:
        return key in self._jobs

    def keys(self) -> frozenset[JobKey]:
        """Return the keys of all jobs in the index."""
        return frozenset(self._jobs)

    def put(self, job: ImageJob) -> None:
        """Add or replace a job, unless the index has the same or a newer version of it."""
        before = self._jobs.get(job.key)
        if before is not None and before.uid == job.uid and _version(before) >= _version(job) > 0:
            return
        self.drop(job.key)
        self._jobs[job.key] = trimmed = trim(job)
        key = sort_key(trimmed)
        insort(self._ages, (*key, job.key.namespace))
        for bucket in buckets_of(trimmed):
            insort(self._buckets.setdefault(bucket, []), key)
        self._pool_images[job.key] = pool_images(job)
        self._count(trimmed, 1)
        if len(self._jobs) > self._max_jobs:
            _, name, namespace = self._ages[0]
            self.drop(JobKey(namespace, name))

    def drop(self, key: JobKey) -> None:
        """Remove a job; do nothing if the index does not have it."""
        job = self._jobs.pop(key, None)
        if job is None:
            return
        job_sort_key = sort_key(job)
        _remove(self._ages, (*job_sort_key, key.namespace))
        for bucket in buckets_of(job):
            _remove(self._buckets[bucket], job_sort_key)
            if not self._buckets[bucket]:
                del self._buckets[bucket]
        self._count(job, -1)
        del self._pool_images[key]

    def open_images(self, namespace: str, caller: str) -> int:
        """Return the number of a caller's unfinished images, by the status of its jobs."""
        return self._open[(namespace, caller)]

    def pool_images(self, namespace: str, caller: str) -> int:
        """Return the number of these that the pool works on, or will."""
        return self._in_pool[(namespace, caller)]

    def samples(self, namespace: str, caller: str) -> int:
        """Return the number of a caller's samples whose deletion nobody has asked for."""
        return self._samples[(namespace, caller)]

    def page(
        self, namespace: str, caller: str, state: State | None, limit: int, after: SortKey | None
    ) -> IndexPage:
        """Return the jobs after a sort key, which are older, newest first."""
        keys = self._buckets.get((namespace, caller, state or ""), [])
        end = len(keys) if after is None else bisect_left(keys, after)
        found = keys[max(0, end - limit) : end]
        jobs = tuple(self._jobs[JobKey(namespace, name)] for _, name in reversed(found))
        return IndexPage(jobs, found[0] if end > limit else None)

    def _count(self, job: ImageJob, sign: int) -> None:
        for caller in callers_of(job):
            _add(self._open, (job.key.namespace, caller), sign * open_images(job))
            _add(self._samples, (job.key.namespace, caller), sign * (job.is_sample and not job.deleting))
            _add(self._in_pool, (job.key.namespace, caller), sign * self._pool_images[job.key])


def trim(job: ImageJob) -> ImageJob:
    """Return the job with only the fields that a list shows, about 2 kB: no images, at most one failure."""
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
        _select(job.labels, names.LABEL_CALLER) | _select(job.labels, names.LABEL_SAMPLE),
        _select(job.annotations, names.ANNOTATION_TITLE),
    )
    return replace(job, spec=spec, status=status, labels=labels, annotations=annotations, finalizers=())


def sort_key(job: ImageJob) -> SortKey:
    """Return a job's place in the order of its namespace."""
    return int(((job.created or EPOCH) - EPOCH).total_seconds()), job.key.name


def buckets_of(job: ImageJob) -> tuple[Bucket, ...]:
    """Return the buckets that hold a job: of all callers and of its own, in all states and in its own.

    None holds a sample.
    """
    if job.is_sample:
        return ()
    return tuple(
        (job.key.namespace, caller, state)
        for caller in callers_of(job)
        for state in ("", states.job_state(job))
    )


def callers_of(job: ImageJob) -> set[str]:
    """Return the callers in whose buckets a job is: its own, and ""."""
    return {"", job.labels.get(names.LABEL_CALLER, "")}


def open_images(job: ImageJob) -> int:
    """Return the number of a job's unfinished images."""
    if states.job_state(job).final:
        return 0
    return max(0, job.spec.total - job.status.counts.done)


def pool_images(job: ImageJob) -> int:
    """Return the number of a job's unfinished images that the pool works on, or may yet."""
    own_pods = job.spec.manifest or job.status.job_name or job.spec.execution is Execution.JOB
    return 0 if own_pods else open_images(job)


def _add(counts: Counter[tuple[str, str]], owner: tuple[str, str], images: int) -> None:
    counts[owner] += images
    if not counts[owner]:
        del counts[owner]


def _select(values: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: values[name]} if name in values else {}


def _version(job: ImageJob) -> int:
    # Opaque by contract, a number in both stores. Anything else counts as old, so that the last read wins.
    return int(job.resource_version) if job.resource_version.isdecimal() else 0


def _remove(keys: list[Any], key: Any) -> None:  # of sort keys, with or without the namespace
    position = bisect_left(keys, key)
    if position < len(keys) and keys[position] == key:
        del keys[position]
