"""The whole document, made from the settings of the server that it describes. Pure."""

from importlib.metadata import version

from imagejobs_api.http.browser_security import SECURITY_HEADERS
from imagejobs_api.http.errors import ProblemBody
from imagejobs_api.openapi import images, jobs, progress, service, uploads, watch, webhooks
from imagejobs_api.openapi.headers import REQUEST_ID, RESPONSE_HEADERS, header_object
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.openapi.writer import Writer
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings

VERSION = "3.1.1"
GROUPS = (images, uploads, jobs, progress, watch, service)
TAGS = {
    images.TAG: "Send images and get a job.",
    uploads.TAG: "Upload files to S3 yourself. Jobs name them by their keys.",
    jobs.TAG: "List jobs and their results; suspend, resume, cancel, retry and delete jobs.",
    progress.TAG: "Follow the progress, and download results.",
    watch.TAG: "Follow one job by its `watch_url`, which needs no key and expires.",
    service.TAG: "Health checks and documentation. No key is needed.",
}
WEBHOOK_TAGS = {webhooks.TAG: "Requests that the service sends to your address."}
SECURITY_SCHEME = "apiKey"
NO_PRESETS = Presets()
_HEADER_NAMES = ", ".join(f"`{name}`" for name in SECURITY_HEADERS)
DESCRIPTION = f"""Send images and get a job; ask for its progress and download the results.

Every error is `application/problem+json` (RFC 9457) with a stable `code`: let your program decide by the \
code. A path with another method is 405 `method_not_allowed`, and `Allow` lists its methods. A path that \
does not exist is 404 `not_found`. `HEAD` works wherever `GET` works, except for the events. Answers may \
get more fields in the future. All answers have {_HEADER_NAMES}, and `Cache-Control: no-store` unless \
documented otherwise.

Requests are read tolerantly. A number or boolean may be sent as text; `yes` `on` `1` mean true, and `no` \
`off` `0` mean false. An empty or null field counts as missing. A request may have its own `{REQUEST_ID}` \
of up to 64 letters, digits, `.`, `_` and `-`, which then appears in the logs and the job, and a \
`traceparent` (W3C Trace Context)."""
KEYS_DESCRIPTION = " Calls need a key, and show only the jobs of its caller."


def document(settings: Settings, presets: Presets = NO_PRESETS) -> Schema:
    """Return the document of a server with these settings and presets."""
    with_keys = bool(settings.callers_file)
    writer = Writer(SECURITY_SCHEME if with_keys else "")
    writer.components.schema_of(ProblemBody)
    paths: dict[str, Schema] = {}
    for each in (
        operation for group in GROUPS for operation in group.operations(settings, presets, writer.components)
    ):
        paths.setdefault(each.path, {})[each.method] = writer.operation(each)
    has_callbacks = bool(settings.callbacks_signed or settings.callers_secrets)
    webhook = {"webhooks": webhooks.webhooks(writer.components)} if has_callbacks else {}
    headers = {name: header_object(name) for name in RESPONSE_HEADERS}
    components = {"schemas": writer.components.schemas(), "responses": writer.responses, "headers": headers}
    return {
        "openapi": VERSION,
        "info": _info(with_keys=with_keys),
        "servers": [{"url": settings.public_url or "/"}],
        "tags": [
            {"name": name, "description": description}
            for name, description in (TAGS | WEBHOOK_TAGS if has_callbacks else TAGS).items()
        ],
        "paths": paths,
        **webhook,
        "components": components | ({"securitySchemes": {SECURITY_SCHEME: _SCHEME}} if with_keys else {}),
    }


_SCHEME = {"type": "http", "scheme": "bearer", "description": "An API key, `ijk_...`."}


def _info(*, with_keys: bool) -> Schema:
    return {
        "title": "imagejobs",
        "version": version("imagejobs-api"),
        "summary": "Processes images in batches, over HTTP.",
        "description": DESCRIPTION + (KEYS_DESCRIPTION if with_keys else ""),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
