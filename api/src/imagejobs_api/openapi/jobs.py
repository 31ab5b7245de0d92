"""The calls about jobs."""

from imagejobs_api.archive.resource import ZIP, read_range
from imagejobs_api.jobs import collection, resource, results
from imagejobs_api.jobs.collection import JobsBody
from imagejobs_api.jobs.results import NDJSON, ResultBody, ResultsBody
from imagejobs_api.openapi import new_job
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import JOB_ID, query_parameters
from imagejobs_api.settings import Settings
from imagejobs_api.view.job_body import JobBody
from imagejobs_contract.codes import Code

TAG = "jobs"

_FOUND = (Code.NOT_FOUND, Code.CONFLICT)
"""Of every call about one job; a conflict is also a job that another version of imagejobs wrote."""


def operations(settings: Settings, components: Components) -> list[Operation]:
    """Return the calls."""
    orders = new_job.operation(settings, components, TAG)
    return [
        _list(settings),
        orders,
        _get(),
        _results(),
        _archive(settings),
        _suspend(),
        _resume(),
        _cancel(),
        _retry(),
        _callback(),
        _delete(),
    ]


def _list(settings: Settings) -> Operation:
    meanings = {
        "state": "Only jobs in this state.",
        "limit": "Jobs of a page.",
        "cursor": "`next_cursor` of the page before.",
    }
    return Operation(
        "get", "/api/jobs", "listJobs", TAG, "List the jobs",
        f"The newest {settings.limits.max_listed_jobs} jobs, newest first; older ones are still found by their ids.",
        {200: Answer("A page of jobs.", {JSON: JobsBody}, optional_headers=("Link",))},
        (Code.INVALID_OPTIONS,), query_parameters(collection.read_page, meanings),
    )  # fmt: skip


def _get() -> Operation:
    return Operation(
        "get", "/api/jobs/{id}", "getJob", TAG, "Tell all about a job", "But for its images' results.",
        {200: Answer("The job.", {JSON: JobBody})}, _FOUND, (JOB_ID,),
    )  # fmt: skip


def _results() -> Operation:
    meanings = {
        "limit": "Results of a page.",
        "cursor": "`next_cursor` of the page before: the number of its first image.",
    }
    return Operation(
        "get", "/api/jobs/{id}/results", "listResults", TAG, "Tell what became of each image",
        "Also while the job runs. In pages, or with `Accept: application/x-ndjson` all of them as lines, where no parameters are taken.",
        {200: Answer("A page, or a line for each image.", {JSON: ResultsBody, NDJSON: ResultBody}, ("Vary",), ("Link",))},
        (*_FOUND, Code.INVALID_OPTIONS), (JOB_ID, *query_parameters(results.read_page, meanings)),
    )  # fmt: skip


def _archive(settings: Settings) -> Operation:
    meanings = {
        "first": "The first image whose outputs are wanted, from 0.",
        "count": "Of how many images; all behind it without this.",
    }
    what = (
        "Made while it is sent, for a job that has ended: stored, in the order of the images, always the same. `failed.txt` in it tells what is not "
        f"there. One archive holds {settings.limits.max_archive_files} files at most: of larger jobs, and after a cut, ask for parts. "
        "`Range` is not heeded."
    )
    zipped = {"type": "string", "contentMediaType": ZIP, "description": "The archive."}
    return Operation(
        "get", "/api/jobs/{id}/archive", "getArchive", TAG, "Get all outputs as one zip", what,
        {200: Answer("The archive.", {ZIP: zipped}, ("Content-Length", "Content-Disposition", "Accept-Ranges"))},
        (*_FOUND, Code.EXPIRED, Code.INVALID_OPTIONS), (JOB_ID, *query_parameters(read_range, meanings)),
    )  # fmt: skip


def _suspend() -> Operation:
    return Operation(
        "post", "/api/jobs/{id}/suspend", "suspendJob", TAG, "Let a job wait",
        "No image begins any more until `/resume`. Images that ended keep their results; those in work at that moment are begun anew later.",
        {200: Answer("It waits already.", {JSON: JobBody}), 202: Answer("It will wait.", {JSON: JobBody}, ("Location",))}, _FOUND, (JOB_ID,),
    )  # fmt: skip


def _resume() -> Operation:
    return Operation(
        "post", "/api/jobs/{id}/resume", "resumeJob", TAG, "Let a job that waits go on",
        "Also one that was made with `suspend`. The images that are left are worked on, and its deadline counts from now.",
        {200: Answer("Nothing holds it.", {JSON: JobBody}), 202: Answer("It will go on.", {JSON: JobBody}, ("Location",))}, _FOUND, (JOB_ID,),
    )  # fmt: skip


def _cancel() -> Operation:
    return Operation(
        "post", "/api/jobs/{id}/cancel", "cancelJob", TAG, "Cancel a job", "Images that ended keep their results.",
        {200: Answer("It is cancelled already.", {JSON: JobBody}), 202: Answer("It will be cancelled.", {JSON: JobBody}, ("Location",))},
        _FOUND, (JOB_ID,),
    )  # fmt: skip


def _retry() -> Operation:
    return Operation(
        "post", "/api/jobs/{id}/retry", "retryJob", TAG, "Run a job's failed images again", "Once, however often this is asked before they run.",
        {202: Answer("They will run again.", {JSON: JobBody}, ("Location",))}, _FOUND, (JOB_ID,),
    )  # fmt: skip


def _callback() -> Operation:
    return Operation(
        "post", "/api/jobs/{id}/callback", "repeatCallback", TAG, "Send the callback of a job that ended again",
        "Under the same id, once, however often this is asked before it is sent.",
        {202: Answer("It will be sent.", {JSON: JobBody}, ("Location",))}, _FOUND, (JOB_ID,),
    )  # fmt: skip


def _delete() -> Operation:
    told = {
        "outputs": "Deletes the outputs, too; the job must have ended. Those of one that was cancelled or failed go a minute later."
    }
    return Operation(
        "delete", "/api/jobs/{id}", "deleteJob", TAG, "Forget a job", "A job that runs is stopped. Its uploads are deleted with it.",
        {204: Answer("The record is gone, or goes with its outputs.")}, (*_FOUND, Code.INVALID_OPTIONS), (JOB_ID, *query_parameters(resource.read_deletion, told)),
    )  # fmt: skip
