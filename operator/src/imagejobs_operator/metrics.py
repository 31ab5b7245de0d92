"""The operator's metrics: duration of reconciles, length of the work queue, jobs by state, callbacks."""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from imagejobs_contract.errors import Invalid, NotFound, TooLarge
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.status import FINAL, State, Status
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime import metrics
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.decide.deliveries import ResponseKind

DONE, REFUSED, FAILED = "done", "refused", "failed"
ORIGINS = ("api", "cluster")
"""Who made a job: the API, or people and tools with kubectl."""
RUNNERS = ("pool", "job")
DURATION_BUCKETS_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)


class Metrics:
    """All metrics of the operator, in a registry of their own.

    `program` makes one, passes its counters to the parts, and serves the registry.
    """

    def __init__(self) -> None:
        self.registry = registry = metrics.new_registry("operator")
        self.reconcile_seconds = Histogram(
            "imagejobs_reconcile_seconds",
            "Time of one look at one job, by how it ended: done, failed, or refused (what the job names is "
            "not there or not right: its owner can mend it).",
            ["result"],
            buckets=metrics.DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.queue_keys = Gauge(
            "imagejobs_workqueue_keys",
            "Jobs that wait to be looked at, or are being looked at.",
            registry=registry,
        )
        self.queue_oldest_seconds = Gauge(
            "imagejobs_workqueue_oldest_seconds", "How long the oldest of them has waited.", registry=registry
        )
        self.jobs = Gauge(
            "imagejobs_jobs",
            "Jobs that there are, by state as it was last seen.",
            ["state"],
            registry=registry,
        )
        self.leader = Gauge(
            "imagejobs_leader",
            "1 while this operator works: it holds the Lease, or needs none. 0 while it waits for it.",
            registry=registry,
        )
        self.oldest_job_seconds = Gauge(
            "imagejobs_jobs_oldest_waiting_seconds",
            "How long the oldest job has waited of which no worker has begun an image; suspended and stalled "
            "jobs do not count.",
            registry=registry,
        )
        self.jobs_without_worker = Gauge(
            "imagejobs_jobs_without_worker",
            "Jobs that wait for the pool while it has no worker; 0 as long as it has one.",
            registry=registry,
        )
        self.ended = Counter(
            "imagejobs_jobs_ended",
            "Jobs that ended, by state, by who made them (api, cluster), and by what ran their images (pool, "
            "job).",
            ["state", "origin", "runner"],
            registry=registry,
        )
        self.job_seconds = Histogram(
            "imagejobs_job_seconds",
            "Time of a job from its first image to its end.",
            ["origin", "runner"],
            buckets=DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.images = Counter(
            "imagejobs_job_images",
            "Images of all jobs that ended, those of the pods of Jobs too, by result: succeeded, failed.",
            ["result", "origin", "runner"],
            registry=registry,
        )
        self.bytes = Counter(
            "imagejobs_job_bytes",
            "Bytes of sources (in) and of results (out) of jobs that ended.",
            ["direction", "origin", "runner"],
            registry=registry,
        )
        self.callbacks = Counter(
            "imagejobs_callbacks",
            "Tries to deliver a callback: delivered, failed (tried again for a day), "
            "refused (no public address), gone (410).",
            ["result"],
            registry=registry,
        )
        self.callbacks_pending = Gauge(
            "imagejobs_callbacks_pending", "Callbacks that are due and not delivered.", registry=registry
        )
        self.callbacks_oldest_seconds = Gauge(
            "imagejobs_callbacks_oldest_seconds",
            "How long the oldest of them has been due; at 86,400 it is given up.",
            registry=registry,
        )
        for kind in ResponseKind:
            self.callbacks.labels(kind.value.lower())
        for made_by in ((origin, runner) for origin in ORIGINS for runner in RUNNERS):
            for result in ("succeeded", "failed"):
                self.images.labels(result, *made_by)
            for state in FINAL:
                self.ended.labels(state.value, *made_by)
        self.spans = metrics.span_counter(registry)

    def count_callback(self, kind: ResponseKind) -> None:
        """Count a try to deliver a callback."""
        self.callbacks.labels(kind.value.lower()).inc()

    def count_write(self, job: ImageJob, status: Status) -> None:
        """Count what a status that was written tells beyond the job's status before.

        Counts of a job come from its outcomes by index, so each image is counted once an attempt, wherever it
        was rendered. A restart between the write and this loses that step; it counts nothing twice.
        """
        origin = ORIGINS[names.ANNOTATION_REQUEST not in job.annotations]
        made_by = (origin, RUNNERS[bool(status.job_name)])
        before, after = job.status, status
        for result in ("succeeded", "failed"):
            step = getattr(after.counts, result) - getattr(before.counts, result)
            self.images.labels(result, *made_by).inc(max(0, step))
        if after.state.final and not before.state.final:
            self.ended.labels(after.state.value, *made_by).inc()
            self.job_seconds.labels(*made_by).observe(after.duration_seconds or 0)
            self.bytes.labels("in", *made_by).inc(max(0, after.bytes_in - before.bytes_in))
            self.bytes.labels("out", *made_by).inc(max(0, after.bytes_out - before.bytes_out))

    def count_spans(self, end: str, number: int) -> None:
        """Count exported or dropped spans."""
        self.spans.labels(end).inc(number)

    def expose_leader(self, leads: Callable[[], bool]) -> None:
        """Let the gauge of the leader read at each scrape."""
        self.leader.set_function(leads)

    def expose(self, queue: WorkQueue, memory: Memory, clock: Clock) -> None:
        """Let the gauges read from the queue and the memory at each scrape."""
        self.queue_keys.set_function(lambda: len(queue))
        self.queue_oldest_seconds.set_function(queue.oldest_seconds)
        self.callbacks_pending.set_function(lambda: memory.pending_callbacks)
        self.callbacks_oldest_seconds.set_function(lambda: memory.oldest_callback_seconds(clock()))
        self.oldest_job_seconds.set_function(lambda: memory.oldest_waiting_seconds(clock()))
        self.jobs_without_worker.set_function(lambda: memory.pool.without_worker)
        for state in State:
            self.jobs.labels(state.value).set_function(partial(memory.states.__getitem__, state))

    def time_reconciles(
        self, work: Callable[[JobKey], Awaitable[Result]]
    ) -> Callable[[JobKey], Awaitable[Result]]:
        """Return the work with a measurement around each call."""

        async def timed(key: JobKey) -> Result:
            begin, result = time.perf_counter(), FAILED
            try:
                when = await work(key)
                result = DONE
                return when
            except (Invalid, NotFound, TooLarge):  # the work queue logs it and tries again
                result = REFUSED
                raise
            finally:
                self.reconcile_seconds.labels(result).observe(time.perf_counter() - begin)

        return timed
