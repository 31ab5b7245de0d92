"""The worker's metrics. Imported only where they are asked for: a pod's way to its first image is short."""

from prometheus_client import Counter, Histogram

from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.runtime import metrics
from imagejobs_worker.image.instruments import Recycle, Step

OK = "ok"


class Metrics:
    """A `Meter` that keeps count, in a registry of its own."""

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
            "imagejobs_image_step_seconds", "Time of a step: fetch, render (all that a child does), store (of one variant, with its repetitions).",
            ["step"], buckets=metrics.DURATION_BUCKETS_SECONDS, registry=registry,
        )  # fmt: skip
        self.recycles = Counter(
            "imagejobs_child_recycles",
            "Children that were replaced: for another owner, worn or grown, after a failure, to learn what the next image needs.",
            ["reason"],
            registry=registry,
        )
        self.spans = metrics.span_counter(registry)
        for step in Step:
            self.seconds.labels(step.value)
        for reason in Recycle:
            self.recycles.labels(reason.value)

    def ended(self, outcome: Outcome) -> None:
        """Count an image."""
        self.images.labels(outcome.code.value if outcome.code else OK).inc()
        if outcome.succeeded:
            self.bytes_in.inc(outcome.bytes_in or 0)
            self.bytes_out.inc(sum(output.bytes for output in outcome.outputs))

    def took(self, step: Step, seconds: float) -> None:
        """Count a try of a step."""
        self.seconds.labels(step.value).observe(seconds)

    def recycled(self, reason: Recycle) -> None:
        """Count a child's end."""
        self.recycles.labels(reason.value).inc()

    def count_spans(self, end: str, number: int) -> None:
        """Count spans by what became of them."""
        self.spans.labels(end).inc(number)
