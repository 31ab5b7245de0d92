"""Makes the tasks for the pool's queue from a job (pure)."""

from collections.abc import Iterable

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.wire.origin import Origin
from imagejobs_contract.wire.tasks import Task


def make_tasks(
    job: ImageJob, indexes: Iterable[int], attempt: int, lifetime_seconds: float, origin: Origin
) -> list[Task]:
    """Return the tasks of these images; a task holds everything that a worker needs."""
    spec = job.spec
    return [
        Task(
            key=job.key,
            uid=job.uid,
            index=index,
            item=spec.items[index],
            variants=spec.variants,
            prefix=job.prefix,
            attempt=attempt,
            attempts=spec.attempts,
            cache_control=spec.output.cache_control,
            lifetime_seconds=lifetime_seconds,
            caller=job.caller,
            origin=origin,
        )
        for index in indexes
    ]
