"""An example of the message that the service sends.

A test runs a job to its end and compares the callback with it.
"""

from imagejobs_api.openapi.examples.names import IMAGE_JOB, UID, prefix

_OUTPUT = {
    "variant": "default", "key": f"{prefix()}/large.jpg", "width": 400, "height": 225,
    "format": "jpeg", "bytes": 19236,
    "kept_original": False,
}  # fmt: skip

FINISHED = {
    "type": "imagejob.finished",
    "timestamp": "2026-11-24T05:30:15Z",
    "data": {
        "job_id": IMAGE_JOB, "namespace": "default", "uid": UID, "name": None,
        "state": "Succeeded", "total": 1, "done": 1, "failed": 0,
        "attempt": 1,
        "created": "2026-11-24T05:30:15Z", "started": "2026-11-24T05:30:15Z",
        "completed": "2026-11-24T05:30:15Z", "duration_seconds": 0,
        "bytes_in": 412870, "bytes_out": 19236, "bytes_saved": 393634, "saved_percent": 95,
        "cpu_seconds": 0.031, "failures": [], "failure_codes": [],
        "images": [
            {"job_id": f"{IMAGE_JOB}-0", "name": "large.jpg", "state": "Succeeded", "bytes_in": 412870,
                "outputs": [_OUTPUT], "error": None},
        ],
        "job_url": f"/api/jobs/{IMAGE_JOB}", "results_url": f"/api/jobs/{IMAGE_JOB}/results",
    },
}  # fmt: skip
"""Of a job of one image."""
