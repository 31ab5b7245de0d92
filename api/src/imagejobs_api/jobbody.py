"""A whole job as clients are told of it: where it stands and, in the words of the options, what was asked for. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from imagejobs_api import links
from imagejobs_api.lookup import Found
from imagejobs_api.progress import job_body
from imagejobs_contract.imagejob import ImageJob, Spec, item_body
from imagejobs_contract.options import NAMES, Variant
from imagejobs_contract.status import ConditionType, Counts
from imagejobs_contract.times import show_time


def summary(job: ImageJob, counts: Counts, base: str) -> dict[str, Any]:
    """Return a job as an element of the list: its progress, its times, and where more is told.

    Args:
        base: What links to this API begin with.
    """
    name, status = job.key.name, job.status
    return job_body(Found(job), counts) | {
        "created": _time(job.created),
        "started": _time(status.started),
        "completed": _time(status.completed),
        "progress_url": links.progress(base, name),
        "results_url": f"{links.job(base, name)}/results",
    }


def details(job: ImageJob, counts: Counts, base: str) -> dict[str, Any]:
    """Return all that is told of one job."""
    status = job.status
    return summary(job, counts, base) | {
        "attempt": status.attempt,
        "deleting": job.deleting,
        "duration_seconds": status.duration_seconds,
        "estimated_remaining_seconds": status.estimated_remaining_seconds,
        "bytes_in": status.bytes_in,
        "bytes_out": status.bytes_out,
        "callback": _callback(job),
        "failures": [{"name": each.name, "code": each.code, "message": each.message} for each in status.failures],
        "spec": _spec(job.spec),
    }


def _callback(job: ImageJob) -> dict[str, Any] | None:
    """Return how far the callback is: null without one, its state null before the job's end."""
    if job.spec.callback_url is None:
        return None
    it, condition = job.status.callback, job.status.condition(ConditionType.CALLBACK_DELIVERED)
    return {
        "url": job.spec.callback_url,
        "state": it.state.value if it else None,
        "tries": it.tries if it else 0,
        "next": _time(it.next) if it else None,
        "message": condition.message if condition else "",
    }


def _spec(spec: Spec) -> dict[str, Any]:
    output, manifest = spec.output, spec.manifest
    return {
        "items": [item_body(each) for each in spec.items],
        "manifest": {"key": manifest.key, "count": manifest.count} if manifest else None,
        "variants": [_variant(each) for each in spec.variants],
        "output": {"prefix": output.prefix, "cache_control": output.cache_control, "deletion_policy": output.deletion_policy.value},
        "execution": spec.execution.value,
        "retry_failed": spec.retry_failed,
        "repeat_callback": spec.repeat_callback,
        "suspend": spec.suspend,
        "cancel": spec.cancel,
        "active_deadline_seconds": spec.active_deadline_seconds,
        "ttl_seconds_after_finished": spec.ttl_seconds_after_finished,
    }


def _variant(variant: Variant) -> dict[str, object]:
    plain = Variant()
    options = {option: getattr(variant, option) for option in NAMES}
    given = {option: value for option, value in options.items() if value != getattr(plain, option)}
    return {"name": variant.name} | {option: value.value if isinstance(value, StrEnum) else value for option, value in given.items()}


def _time(time: datetime | None) -> str | None:
    return show_time(time) if time else None
