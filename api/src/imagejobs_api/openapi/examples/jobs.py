"""Examples of the calls about jobs."""

import json

from imagejobs_api.jobs.results import NDJSON
from imagejobs_api.openapi.examples.names import (
    ABSENT,
    API,
    BATCH,
    CALLED,
    IMAGE_JOB,
    UNENDED,
    WATCH,
    problem,
    progress_url,
    signed_url,
)
from imagejobs_api.openapi.operation import Example

_SUMMARY = {
    "job_id": BATCH, "state": "PartiallySucceeded", "progress": 100, "total": 3, "done": 2, "failed": 1,
    "error": None, "name": None,
    "created": "2026-11-24T05:30:15Z", "started": "2026-11-24T05:30:15Z", "completed": "2026-11-24T05:30:15Z",
    "progress_url": progress_url(BATCH), "results_url": f"{API}/api/jobs/{BATCH}/results",
    "watch_url": WATCH,
}  # fmt: skip
_SPEC = {
    "items": [
        {"name": name, "key": f"uploads/{BATCH}/{n}"}
        for n, name in enumerate(("bridge.jpg", "portrait.jpg", "notes.txt"))
    ],
    "manifest": None, "variants": [{"name": "default", "width": 400}],
    "output": {"prefix": None, "cache_control": None, "deletion_policy": "Retain"},
    "execution": "Auto", "retry_failed": 0, "retry_codes": [], "repeat_callback": 0, "suspend": False,
    "cancel": False,
    "active_deadline_seconds": 3600, "ttl_seconds_after_finished": 86400,
}  # fmt: skip
_JOB = {
    **_SUMMARY, "attempt": 1, "deleting": False, "duration_seconds": 0, "estimated_remaining_seconds": None,
    "bytes_in": 915459, "bytes_out": 47683, "bytes_saved": 867776, "saved_percent": 94, "cpu_seconds": 0.061,
    "callback": None,
    "failures": [{"name": "notes.txt", "code": "not_an_image", "message": "The file is not an image."}],
    "failure_codes": ["not_an_image"],
    "spec": _SPEC,
}  # fmt: skip
_AGAIN = {
    **_JOB,
    "state": "Running",
    "progress": 66,
    "failed": 0,
    "spec": {**_SPEC, "retry_failed": 1},
}
_OUTPUT = {
    "variant": "default", "width": 400, "height": 267, "format": "jpeg", "bytes": 23338,
    "kept_original": False,
    "download_url": signed_url("portrait.jpg", BATCH),
}  # fmt: skip
_RESULTS = {
    "job_id": BATCH, "state": "PartiallySucceeded", "total": 3,
    "results": [{"job_id": f"{BATCH}-1", "name": "portrait.jpg", "state": "Succeeded", "bytes_in": 86276,
        "outputs": [_OUTPUT], "error": None}],
    "next_cursor": "2",
}  # fmt: skip
_LINE = {
    "job_id": f"{IMAGE_JOB}-0", "name": "large.jpg", "state": "Succeeded", "bytes_in": 412870, "error": None,
    "outputs": [{**_OUTPUT, "width": 300, "height": 169, "bytes": 12063,
        "download_url": signed_url("large.jpg")}],
}  # fmt: skip
_CALLED = {
    **_JOB, "job_id": CALLED, "state": "Succeeded", "total": 1, "done": 1, "failed": 0, "failures": [],
    "failure_codes": [],
    "bytes_in": 412870, "bytes_out": 12063, "bytes_saved": 400807, "saved_percent": 97, "cpu_seconds": 0.022,
    "progress_url": progress_url(CALLED), "results_url": f"{API}/api/jobs/{CALLED}/results",
    "watch_url": WATCH,
    "spec": {**_SPEC, "items": [{"name": "large.jpg", "key": f"uploads/{CALLED}/0"}], "repeat_callback": 1},
    "callback": {
        "url": "https://shop.example.org/hooks", "state": "Delivered", "tries": 1, "next": None,
        "message": "The receiver answered 200.",
    },
}  # fmt: skip
_URL_SPEC = {
    **_SPEC,
    "items": [
        {"name": name, "url": f"https://images.example.org/{name}"} for name in ("bridge.jpg", "portrait.jpg")
    ],
}
_RUNS = {
    **_JOB, "job_id": UNENDED, "state": "Running", "progress": 50, "total": 2, "done": 1, "failed": 0,
    "failures": [], "failure_codes": [], "completed": None,
    "bytes_in": 0, "bytes_out": 0, "bytes_saved": 0, "saved_percent": None, "cpu_seconds": 0.0,
    "duration_seconds": None, "estimated_remaining_seconds": 12,
    "progress_url": progress_url(UNENDED), "results_url": f"{API}/api/jobs/{UNENDED}/results",
    "watch_url": WATCH,
    "spec": _URL_SPEC,
}  # fmt: skip
_TO_WAIT = {**_RUNS, "spec": {**_URL_SPEC, "suspend": True}}
_TO_GO_ON = {**_RUNS, "state": "Suspended", "started": None, "estimated_remaining_seconds": None}
_NEW = {
    **_SUMMARY, "state": "Pending", "progress": 0, "total": 2, "done": 0, "failed": 0, "name": "Spring sale",
    "started": None, "completed": None
}  # fmt: skip
_NO_USAGE = {
    "jobs": 0, "images": 0, "failed": 0, "bytes_in": 0, "bytes_out": 0, "bytes_saved": 0,
    "saved_percent": None, "cpu_seconds": 0.0,
}  # fmt: skip
_HOPELESS = (
    "No failed image can succeed by a retry: they failed with not_an_image. To run them again all the same, "
    'name these codes: {"codes": [...]}.'
)
_FILES = "".join(
    f"""  -F 'images[]=@"{name}"' \\\n""" for name in ("bridge.jpg", "portrait.jpg", "notes.txt")
)
_CURL = f"curl \\\n{_FILES}  --form-string width=400 \\\n  {API}/api/batch\n"
_CONFLICT = "The job is not in a state that allows this."

EXAMPLES = {
    "createJob": (
        Example("sale", "Two results for each of two images", 202, _NEW, fields={
            "items": [{"url": "https://images.example.org/bridge.jpg"}, {"url": "https://images.example.org/portrait.jpg"}],
            "variants": [{"name": "thumb", "width": 200, "height": 200, "fit": "cover"},
                {"name": "web", "width": 1200, "format": "webp"}],
            "name": "Spring sale",
        }),
    ),
    "listJobs": (Example("newest", "The newest job", 200,
        {"jobs": [_SUMMARY], "next_cursor": f"n1795498215000.{BATCH}"}, {"limit": 1}),),
    "getJob": (
        Example("batch", "A batch that ended", 200, _JOB, {"id": BATCH}),
        Example("absent", "An id that does not exist", 404,
            problem("not_found", 404, "There is nothing under this id."), {"id": ABSENT}),
    ),
    "copyJob": (
        Example("curl", "A call with curl", 200, _CURL, {"id": BATCH, "as": "curl"}),
    ),
    "listResults": (
        Example("second", "The second of three images", 200, _RESULTS,
            {"id": BATCH, "limit": 1, "cursor": 1}),
        Example("lines", "All images of a job, as lines", 200, f"{json.dumps(_LINE)}\n", {"id": IMAGE_JOB},
            accept=NDJSON),
    ),
    "getArchive": (
        Example("two", "The first two images", 200, parameters={"id": BATCH, "first": 0, "count": 2}),
        Example(
            "none", "Images of which none has a result", 409,
            problem("conflict", 409, _CONFLICT, "None of these images has a result; /results tells why.",
                job_id=BATCH), {"id": BATCH, "first": 2},
        ),
    ),
    "suspendJob": (
        Example("runs", "A running job", 202, _TO_WAIT, {"id": UNENDED}),
        Example(
            "ended", "A job that ended", 409,
            problem("conflict", 409, _CONFLICT, "The job has ended: it is PartiallySucceeded.", job_id=BATCH),
            {"id": BATCH},
        ),
    ),
    "resumeJob": (Example("waits", "A suspended job", 202, _TO_GO_ON, {"id": UNENDED}),),
    "cancelJob": (
        Example(
            "ended", "A job that ended", 409,
            problem("conflict", 409, _CONFLICT, "The job has ended: it is PartiallySucceeded.", job_id=BATCH),
            {"id": BATCH},
        ),
    ),
    "retryJob": (
        Example("again", "A batch with a failed image, by its code", 202, _AGAIN, {"id": BATCH},
            {"codes": ["not_an_image"]}),
        Example("none", "A batch of which no image can succeed by a retry", 409,
            problem("conflict", 409, _CONFLICT, _HOPELESS, job_id=BATCH), {"id": BATCH}),
    ),
    "getUsage": (
        Example("days", "A month without a job", 200,
            {"from": "2026-01-01", "to": "2026-01-31", "caller": None, "total": _NO_USAGE, "days": []},
            {"from": "2026-01-01", "to": "2026-01-31"}),
        Example("backwards", "Days in the wrong order", 400,
            problem(
                "invalid_options", 400, "Some options are unknown, malformed or contradictory.",
                "from: 2026-01-31 is after 2026-01-01, the last day",
                errors=[{"where": "from", "what": "2026-01-31 is after 2026-01-01, the last day"}],
            ),
            {"from": "2026-01-31", "to": "2026-01-01"}),
    ),
    "repeatCallback": (
        Example("again", "A callback that was delivered", 202, _CALLED, {"id": CALLED}),
        Example(
            "without", "A job without a callback", 409,
            problem("conflict", 409, _CONFLICT, "The job has no callback.", job_id=IMAGE_JOB),
            {"id": IMAGE_JOB},
        ),
    ),
    "deleteJob": (Example("forget", "The job and its outputs", 204,
        parameters={"id": IMAGE_JOB, "outputs": True}),),
}  # fmt: skip
