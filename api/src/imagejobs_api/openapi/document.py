"""The whole document, from the settings of the server that it describes. Pure."""

from importlib.metadata import version

from imagejobs_api.http.browser_security import HEADERS
from imagejobs_api.http.errors import ProblemBody
from imagejobs_api.openapi import images, jobs, progress, service, uploads, webhooks
from imagejobs_api.openapi.headers import REQUEST_ID, RESPONSE_HEADERS, header_object
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.openapi.writer import Writer
from imagejobs_api.settings import Settings

VERSION = "3.1.1"
GROUPS = (images, uploads, jobs, progress, service)
TAGS = {
    images.TAG: "Send images, get a job.",
    uploads.TAG: "Send files to S3 yourself; jobs name them by their keys.",
    jobs.TAG: "What became of jobs; stop them, repeat them, forget them.",
    progress.TAG: "How far it is, and the way to the results.",
    service.TAG: "The service itself. No key is needed.",
}
WEBHOOK_TAGS = {webhooks.TAG: "What the service sends: a request to an address of yours."}
SECURITY_SCHEME = "apiKey"
DESCRIPTION = f"""Send images, get a job; ask how far it is, get links.

Every error is `application/problem+json` (RFC 9457) with a stable `code`: branch on that. A method that an address does not take is 405 \
`method_not_allowed` (`Allow` names those it takes), an address that does not exist is 404 `not_found`; `HEAD` goes wherever `GET` goes, but for \
the events. Answers may get more fields. All have {", ".join(f"`{name}`" for name in HEADERS)}, and `Cache-Control: no-store` where nothing else is \
told.

Requests are read liberally: the text of a number or truth value counts where JSON has the thing itself, as do `yes` `on` `1` and `no` `off` `0`; \
what is empty or null counts as not given. Each may bring an `{REQUEST_ID}` of its own, of up to 64 letters, digits, `.`, `_` and `-`, which the \
logs and the job then name, and a `traceparent` (W3C Trace Context)."""
KEYS_DESCRIPTION = " Calls need a key, and tell of the caller's own jobs only."


def document(settings: Settings) -> Schema:
    """Return the document of a server with these settings."""
    with_keys = bool(settings.callers_file)
    writer = Writer(SECURITY_SCHEME if with_keys else "")
    writer.components.schema_of(ProblemBody)
    paths: dict[str, Schema] = {}
    for each in (
        operation for group in GROUPS for operation in group.operations(settings, writer.components)
    ):
        paths.setdefault(each.path, {})[each.method] = writer.operation(each)
    tells = bool(settings.callbacks_signed or settings.callers_secrets)
    called = {"webhooks": webhooks.webhooks(writer.components)} if tells else {}
    headers = {name: header_object(name) for name in RESPONSE_HEADERS}
    components = {"schemas": writer.components.schemas(), "responses": writer.responses, "headers": headers}
    return {
        "openapi": VERSION,
        "info": _info(with_keys=with_keys),
        "servers": [{"url": settings.public_url or "/"}],
        "tags": [
            {"name": name, "description": description}
            for name, description in (TAGS | WEBHOOK_TAGS if tells else TAGS).items()
        ],
        "paths": paths,
        **called,
        "components": components | ({"securitySchemes": {SECURITY_SCHEME: _SCHEME}} if with_keys else {}),
    }


_SCHEME = {"type": "http", "scheme": "bearer", "description": "An API key, `ijk_...`."}


def _info(*, with_keys: bool) -> Schema:
    return {
        "title": "imagejobs",
        "version": version("imagejobs-api"),
        "summary": "Image jobs over HTTP.",
        "description": DESCRIPTION + (KEYS_DESCRIPTION if with_keys else ""),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
