"""The worker's metrics. Imported only if METRICS_LISTEN is set, because imports delay a pod's first image."""

from prometheus_client import Counter, Histogram

from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.runtime import metrics
from imagejobs_worker.instruments import Recycle, Step

OK = "ok"


class Metrics:
    """Implements `Instruments` by Prometheus counters, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = metrics.new_registry("worker")
        self.images = Counter(
            "imagejobs_images",
            "Images that ended, by error code; ok has a result.",
            ["code"],
            registry=registry,
        )
        self.bytes_in = Counter(
            "imagejobs_image_bytes_in", "Bytes of sources of images that have a result.", registry=registry
        )
        self.bytes_out = Counter("imagejobs_image_bytes_out", "Bytes of results.", registry=registry)
        self.seconds = Histogram(
            "imagejobs_image_step_seconds",
            "Time of a step: fetch, render (all that a child does), "
            "store (of one variant, with its repetitions).",
            ["step"],
            buckets=metrics.DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.recycles = Counter(
            "imagejobs_child_recycles",
            "Children that were replaced: for another owner, worn or grown, after a failure, "
            "to learn what the next image needs.",
            ["reason"],
            registry=registry,
        )
        self.spans = metrics.span_counter(registry)
        for step in Step:
            self.seconds.labels(step.value)
        for reason in Recycle:
            self.recycles.labels(reason.value)

    def record_image(self, outcome: Outcome) -> None:
        """Count an image, and its bytes if it has results."""
        self.images.labels(outcome.code.value if outcome.code else OK).inc()
        if outcome.succeeded:
            self.bytes_in.inc(outcome.bytes_in or 0)
            self.bytes_out.inc(sum(output.bytes for output in outcome.outputs))

    def record_step(self, step: Step, seconds: float) -> None:
        """Record the time of one try of a step."""
        self.seconds.labels(step.value).observe(seconds)

    def record_recycle(self, reason: Recycle) -> None:
        """Count a child that was replaced."""
        self.recycles.labels(reason.value).inc()

    def count_spans(self, end: str, number: int) -> None:
        """Count spans by their end: sent, failed or dropped."""
        self.spans.labels(end).inc(number)
