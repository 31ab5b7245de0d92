"""Examples of the calls about progress and about the service."""

import json

from imagejobs_api.openapi.examples.names import API, BATCH, IMAGE_JOB, NOT_AN_IMAGE, problem
from imagejobs_api.openapi.operation import Example

_BATCH = {
    "job_id": BATCH,
    "state": "PartiallySucceeded",
    "progress": 100,
    "total": 3,
    "done": 2,
    "failed": 1,
    "error": None,
}
_FAILED = {
    "job_id": f"{BATCH}-2", "state": "Failed", "progress": 100, "total": 1, "done": 0, "failed": 1,
    "error": NOT_AN_IMAGE,
}  # fmt: skip
_STREAM = f"""retry: 2000

id: {BATCH}:31f0c2aa:1:PartiallySucceeded:2:1
data: {json.dumps(_BATCH)}

"""
_POINTERS = [{"where": f"{BATCH}-{n}", "what": f"{API}/api/download/{BATCH}-{n}"} for n in range(3)]
_TITLE = "The job is not in a state that allows this."

EXAMPLES = {
    "getProgress": (
        Example("batch", "A batch", 200, _BATCH, {"id": BATCH}),
        Example("image", "A failed image of the batch", 200, _FAILED, {"id": f"{BATCH}-2"}),
    ),
    "streamProgress": (Example("ended", "A batch that has ended", 200, _STREAM, {"id": BATCH}),),
    "downloadResult": (
        Example("result", "A redirect to the result", 307, parameters={"id": IMAGE_JOB}),
        Example(
            "batch", "A batch, whose images must be downloaded one by one", 409,
            problem("conflict", 409, _TITLE, "This is a batch: download its images one by one.", job_id=BATCH,
                errors=_POINTERS), {"id": BATCH},
        ),
    ),
    "getHealth": (Example("alive", "The process is alive", 200, {"status": "ok"}),),
    "getReadiness": (
        Example("ready", "All parts work", 200,
            {"status": "ok", "parts": {"store": "ok", "s3": "ok", "redis": "ok", "workers": "ok"}}),
    ),
}  # fmt: skip
