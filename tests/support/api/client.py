"""One client of the API for tests: the calls that many tests make, each in one line.

`post_*`, `results`, `archive` and `download` return the response, for assertions on status and headers.
The other methods fail unless the call was accepted, and return a part of the JSON body.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2

from support.api import forms
from support.api.forms import JPEG
from support.clock.waiting import eventually

WAIT = {"Prefer": "wait=20"}
"""Ask for an answer that waits until the job has ended."""
ASYNC = {"Prefer": "respond-async"}
"""Ask for an answer at once."""
FINAL_STATES = ("Succeeded", "PartiallySucceeded", "Failed", "Cancelled")

Headers = Mapping[str, str]
File = tuple[str, bytes]
"""A file's name and its bytes."""


class ApiClient:
    """The calls of one API by one caller.

    Args:
        http: Sends the requests; the test closes it.
        url: The API's address; "" if it is the base URL of `http`.
        key: The caller's API key, sent with each request.
    """

    def __init__(self, http: httpx2.Client, url: str = "", key: str = "") -> None:
        self._http, self._url = http, url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def at(self, url: str, key: str = "") -> "ApiClient":
        """Return a client of another API, or of another caller."""
        return ApiClient(self._http, url, key)

    def request(self, method: str, path: str, headers: Headers | None = None, **more: Any) -> httpx2.Response:
        """Send any request."""
        return self._http.request(
            method, self._url + path, headers=self._headers | dict(headers or {}), **more
        )

    def get(self, path: str, headers: Headers | None = None, **query: Any) -> httpx2.Response:
        """GET a path."""
        return self.request("GET", path, headers, params=query or None)

    def post_image(
        self,
        data: bytes = JPEG,
        *,
        call: str = "resize",
        file_name: str = "photo.jpg",
        headers: Headers | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """POST one file to resize, or to another call that takes one."""
        files = {"image": (file_name, data)}
        return self.request("POST", f"/api/{call}", headers, files=files, data=options)

    def post_batch(
        self,
        files: Iterable[File],
        *,
        field: str = "images[]",
        headers: Headers | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """POST files as a batch."""
        parts = [(field, file) for file in files]
        return self.request("POST", "/api/batch", headers, files=parts, data=options)

    def post_form(
        self,
        parts: Sequence[bytes] | Iterator[bytes] | bytes,
        path: str = "/api/resize",
        headers: Headers | None = None,
    ) -> httpx2.Response:
        """POST parts that `forms` wrote, or any other body; the headers replace those of a form."""
        content = forms.body(*parts) if isinstance(parts, list) else parts
        return self.request("POST", path, forms.headers() if headers is None else headers, content=content)

    def post_urls(self, body: Any, headers: Headers | None = None) -> httpx2.Response:
        """POST JSON to upload-from-url."""
        return self.request("POST", "/api/upload-from-url", headers, json=body)

    def post_job(self, body: Any, headers: Headers | None = None) -> httpx2.Response:
        """POST an ImageJob."""
        return self.request("POST", "/api/jobs", headers, json=body)

    def post_uploads(self, body: Any, verb: str = "") -> httpx2.Response:
        """POST to uploads: ask for links, or complete or abort an upload."""
        return self.request("POST", f"/api/uploads/{verb}".rstrip("/"), json=body)

    def job_id(self, data: bytes = JPEG, **more: Any) -> str:
        """Resize one file, and return the id of its job."""
        answer = self.post_image(data, **more)
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["job_id"])

    def batch_id(self, *files: bytes | File, wait: bool = True, **options: Any) -> str:
        """Make a batch, and return its id; bytes without a name are called 0.jpg, 1.jpg and so on."""
        named = [(f"{n}.jpg", each) if isinstance(each, bytes) else each for n, each in enumerate(files)]
        answer = self.post_batch(named, headers=WAIT if wait else None, **options)
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["batch_job_id"])

    def batch(self, files: Mapping[str, bytes], **options: Any) -> dict[str, Any]:
        """Make a batch of files by their names, and return the answer, which does not wait."""
        answer = self.post_batch(files.items(), **options)
        assert answer.status_code == 202, answer.text
        return _body(answer)

    def progress(self, identifier: str) -> dict[str, Any]:
        """Return the progress of a job, a batch or an image of it."""
        answer = self.get(f"/api/progress/{identifier}")
        assert answer.status_code == 200, answer.text
        return _body(answer)

    def wait_for_state(self, identifier: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """Return the progress once it is in one of the states; fail after `seconds`."""
        found: dict[str, Any] = eventually(
            lambda: (body := self.progress(identifier))["state"] in states and body, seconds
        )
        return found

    def wait_until_final(self, identifier: str, seconds: float = 60.0) -> dict[str, Any]:
        """Return the progress once the job, the batch or the image has ended."""
        return self.wait_for_state(identifier, *FINAL_STATES, seconds=seconds)

    def job(self, identifier: str) -> httpx2.Response:
        """GET a job."""
        return self.get(f"/api/jobs/{identifier}")

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        """Return a page of the list of jobs."""
        found: list[dict[str, Any]] = self.get("/api/jobs", **query).json()["jobs"]
        return found

    def results(self, identifier: str, headers: Headers | None = None, **query: Any) -> httpx2.Response:
        """GET a job's results."""
        return self.get(f"/api/jobs/{identifier}/results", headers, **query)

    def archive(self, identifier: str, **query: Any) -> httpx2.Response:
        """GET a job's archive."""
        return self.get(f"/api/jobs/{identifier}/archive", **query)

    def download(self, identifier: str) -> httpx2.Response:
        """GET a result's redirect to S3."""
        return self.get(f"/api/download/{identifier}")

    @contextmanager
    def events(self, identifier: str, last_id: str | None = None) -> Iterator[httpx2.Response]:
        """Open the event stream of a job, from the event after `last_id` on."""
        headers = self._headers | ({"Last-Event-ID": last_id} if last_id else {})
        url = f"{self._url}/api/progress/{identifier}/events"
        with self._http.stream("GET", url, headers=headers) as answer:
            yield answer


def fault_names(answer: httpx2.Response) -> list[str]:
    """Return the fields that a refusal names, in its order."""
    return [fault["where"] for fault in answer.json()["errors"]]


def _body(answer: httpx2.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    return body
