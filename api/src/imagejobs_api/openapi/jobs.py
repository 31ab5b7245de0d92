"""The calls about jobs."""

from dataclasses import replace
from datetime import date

from imagejobs_api.archive.resource import ZIP, read_archive
from imagejobs_api.jobs import collection, resource, results
from imagejobs_api.jobs.collection import JobsBody
from imagejobs_api.jobs.csv_lines import COLUMNS, CSV
from imagejobs_api.jobs.pictures import PicturesBody
from imagejobs_api.jobs.result_body import ResultBody
from imagejobs_api.jobs.results import MAX_SEARCHED_IMAGES, NDJSON, ResultsBody
from imagejobs_api.openapi import new_job
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import JOB_ID, query_parameters
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_api.usage.resource import DEFAULT_DAYS, UsageBody, read_range
from imagejobs_api.view.job_body import JobBody
from imagejobs_contract.codes import OF_AN_IMAGE, Code
from imagejobs_contract.model.spec_json import MAX_RETRY_CODES
from imagejobs_contract.wire.usage_days import KEPT_DAYS

TAG = "jobs"

RESULTS = Answer(
    "A page, or a line for each image.",
    {
        JSON: ResultsBody | PicturesBody,
        NDJSON: ResultBody,
        CSV: {
            "type": "string",
            "contentMediaType": CSV,
            "description": f"A header and a line for each result: {', '.join(COLUMNS)}.",
        },
    },
    ("Vary",),
    ("Link", "Content-Disposition"),
)
ARCHIVE = Answer(
    "The archive.",
    {ZIP: {"type": "string", "contentMediaType": ZIP, "description": "The archive."}},
    ("Content-Length", "Content-Disposition", "Accept-Ranges"),
)
RANGE_DESCRIPTIONS = {
    "first": "The number of the first image to include, from 0.",
    "count": "The number of images to include. The default is all from `first` on.",
}
"""Of an archive."""
_JOB_CODES = (Code.NOT_FOUND, Code.CONFLICT)
"""Of every call about one job; a job that another version of imagejobs wrote is a conflict too."""


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    return [
        _list(settings),
        new_job.operation(settings, presets, components, TAG),
        _get(),
        _copy(),
        _results(),
        _archive(settings),
        _suspend(),
        _resume(),
        _cancel(),
        _retry(components),
        _callback(),
        _delete(),
        _usage(),
    ]


def results_parameters() -> tuple[Schema, ...]:
    """Return the parameters of a page of results."""
    descriptions = {
        "limit": "Results on a page.",
        "cursor": "`next_cursor` of the page before: the number of its first image.",
        "state": "Only images in this state; an image without an outcome has the state of its job.",
        "code": "Only images that failed with one of these codes, separated by commas.",
        "as": "`picture` answers with `<picture>` elements instead, of the images that have results.",
        "base": "With `as=picture`: the address below which you will serve the files, under the names that "
        "they have below the prefix of the job. Without it links are signed, and expire.",
        "sizes": "With `as=picture`: HTML's attribute `sizes`. The default is `100vw`.",
    }
    return query_parameters(results.read_query, descriptions)


def _list(settings: Settings) -> Operation:
    descriptions = {
        "state": "Only jobs in this state.",
        "limit": "Jobs on a page.",
        "cursor": "`next_cursor` of the page before.",
    }
    return Operation(
        "get",
        "/api/jobs",
        "listJobs",
        TAG,
        "List jobs",
        f"Lists the newest {settings.limits.max_listed_jobs} jobs, newest first. "
        "Older jobs can still be found by their ids.",
        {200: Answer("A page of jobs.", {JSON: JobsBody}, optional_headers=("Link",))},
        (Code.INVALID_OPTIONS,),
        query_parameters(collection.read_page, descriptions),
    )


def _get() -> Operation:
    return Operation(
        "get",
        "/api/jobs/{id}",
        "getJob",
        TAG,
        "Get a job",
        "Returns everything about the job except the results of its images.",
        {200: Answer("The job.", {JSON: JobBody})},
        (*_JOB_CODES, Code.INVALID_OPTIONS),
        (JOB_ID,),
    )


def _copy() -> Operation:
    descriptions = {
        "as": "`curl` for a shell, `cli` for the command `imagejobs resize`, `python` for a program with "
        "httpx2, `yaml` for `kubectl create -f -`. The default is `curl`."
    }
    return Operation(
        "get",
        "/api/jobs/{id}/copy",
        "copyJob",
        TAG,
        "Get a text that makes a job like this one",
        "Returns a text to paste.",
        {200: Answer("The text.", {"text/plain": {"type": "string"}})},
        (*_JOB_CODES, Code.INVALID_OPTIONS),
        (JOB_ID, *query_parameters(resource.read_form, descriptions)),
    )


def _results() -> Operation:
    return Operation(
        "get",
        "/api/jobs/{id}/results",
        "listResults",
        TAG,
        "List the result of each image",
        "Works also while the job runs. Results come in pages. With `Accept: application/x-ndjson` all "
        "results come as lines of JSON, and with `Accept: text/csv` as lines for a spreadsheet; `limit` and "
        "`cursor` are not allowed then. With `state` or `code` a page may have fewer results than `limit`, "
        f"even none, before the last: {MAX_SEARCHED_IMAGES} images are looked at for each.",
        {200: RESULTS},
        (*_JOB_CODES, Code.INVALID_OPTIONS),
        (JOB_ID, *results_parameters()),
    )


def _archive(settings: Settings) -> Operation:
    descriptions = {
        "of": "`results`, or `failed-sources`: the sources of the failed images, as far as they are in the "
        "bucket; `failed.txt` lists the others.",
        **RANGE_DESCRIPTIONS,
    }
    description = (
        "The job must have ended. The zip is made while it is sent: its files are not compressed, they are "
        "in the order of the images, and the same job always gives the same bytes. `failed.txt` in it "
        "lists missing outputs and the reasons. One archive holds at most "
        f"{settings.limits.max_archive_files} files: for larger jobs, and after a broken download, ask for "
        "parts. `Range` is ignored."
    )
    return Operation(
        "get",
        "/api/jobs/{id}/archive",
        "getArchive",
        TAG,
        "Download all outputs as one zip",
        description,
        {200: ARCHIVE},
        (*_JOB_CODES, Code.EXPIRED, Code.INVALID_OPTIONS),
        (JOB_ID, *query_parameters(read_archive, descriptions)),
    )


def _suspend() -> Operation:
    return _command(
        "suspend",
        "suspendJob",
        "Suspend a job",
        "No further image starts until `/resume`. Finished images keep their results. Images in progress "
        "start again after `/resume`.",
        done="The job is suspended already.",
        accepted="The job will be suspended.",
    )


def _resume() -> Operation:
    return _command(
        "resume",
        "resumeJob",
        "Resume a suspended job",
        "Also starts a job that was made with `suspend`. The remaining images are processed, and the "
        "deadline of the job counts from now.",
        done="The job is not suspended.",
        accepted="The job will go on.",
    )


def _cancel() -> Operation:
    return _command(
        "cancel",
        "cancelJob",
        "Cancel a job",
        "Finished images keep their results.",
        done="The job is cancelled already.",
        accepted="The job will be cancelled.",
    )


def _retry(components: Components) -> Operation:
    codes = {
        "type": "array",
        "maxItems": MAX_RETRY_CODES,
        "items": {"type": "string", "enum": list(OF_AN_IMAGE)},
        "description": "Runs the images that failed with one of these codes, also those that a retry cannot "
        "help by itself.",
    }
    command = _command(
        "retry",
        "retryJob",
        "Retry failed images of a job",
        "Without a body it runs those that may succeed now (`retryable`), and answers 409 with the reason if "
        "there are none. Requests that come before the retry has started cause one retry together.",
        accepted="The images will run again.",
    )
    body = {"type": "object", "properties": {"codes": codes}, "additionalProperties": False}
    own_codes = (*command.codes, Code.INVALID_OPTIONS, Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)
    bodies = {JSON: components.add("RetryRequest", body | {"description": "Which images to run again."})}
    return replace(command, codes=own_codes, bodies=bodies, is_body_optional=True)


def _callback() -> Operation:
    return _command(
        "callback",
        "repeatCallback",
        "Send the callback of a finished job again",
        "It is sent with the same id. Requests that come before it is sent cause one callback together.",
        accepted="The callback will be sent.",
    )


def _command(
    name: str, identifier: str, summary: str, description: str, *, accepted: str, done: str = ""
) -> Operation:
    """Return a POST that changes one job.

    Args:
        accepted: Describes 202.
        done: Describes 200, for a job that is already as the command makes it; "" without that answer.
    """
    unchanged = {200: Answer(done, {JSON: JobBody})} if done else {}
    return Operation(
        "post",
        f"/api/jobs/{{id}}/{name}",
        identifier,
        TAG,
        summary,
        description,
        {**unchanged, 202: Answer(accepted, {JSON: JobBody}, ("Location",))},
        _JOB_CODES,
        (JOB_ID,),
    )


def _delete() -> Operation:
    descriptions = {
        "outputs": "Deletes the outputs too; the job must have ended. The outputs of a cancelled or failed "
        "job are deleted a minute later."
    }
    return Operation(
        "delete",
        "/api/jobs/{id}",
        "deleteJob",
        TAG,
        "Delete a job",
        "A running job is stopped. The uploads of the job are deleted with it.",
        {204: Answer("The record is deleted, or will be together with the outputs.")},
        (*_JOB_CODES, Code.INVALID_OPTIONS),
        (JOB_ID, *query_parameters(resource.read_deletion, descriptions)),
    )


def _usage() -> Operation:
    descriptions = {
        "from": f"The first day, in UTC. The default is {DEFAULT_DAYS} days up to the last one.",
        "to": "The last day. The default is today.",
    }
    return Operation(
        "get",
        "/api/usage",
        "getUsage",
        TAG,
        "Get what you used, by day",
        "Sums over the jobs of the caller that asks, by the day (UTC) on which they ended: images, bytes and "
        f"processor time. They are kept for {KEPT_DAYS} days, also of deleted jobs. A job counts some "
        "seconds after its end.",
        {200: Answer("The days on which a job ended.", {JSON: UsageBody})},
        (Code.INVALID_OPTIONS,),
        query_parameters(lambda reader: read_range(reader, date(2026, 1, 31)), descriptions),
    )
