"""The calls to a server. Nothing else of the command line speaks HTTP to one."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

MAX_TRIES = 6
MAX_PAUSE_SECONDS = 60.0
"""Between two tries, whatever the server asks for."""
TIMEOUT_SECONDS = 90.0
"""For a part of an exchange; the server holds an answer for up to 60 s."""
POLL_SECONDS = 1.0
RESULTS_A_PAGE = 1000
FINAL = frozenset({"Succeeded", "PartiallySucceeded", "Failed", "Cancelled"})
_MAY_PASS = frozenset({429, 502, 503, 504})

Json = dict[str, Any]


class ServiceError(Exception):
    """Raised when the server refuses, or does not answer; the text is for people."""


class Service:
    """A server, and who asks it. Used by one command, and closed with it.

    Args:
        url: How its addresses begin.
        key: An API key; "" for a server that wants none.
        pause: Waits for seconds.
    """

    def __init__(self, url: str, key: str, pause: Callable[[float], None] = time.sleep) -> None:
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)
        except httpx2.InvalidURL as ex:
            raise ServiceError(f"{url} is no address: {ex}") from ex
        self._links = httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True)
        self._pause = pause

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._links.close()

    def send_files(self, files: Sequence[Path], options: Mapping[str, str]) -> str:
        """Send files as one batch, and return the id of its job.

        Raises:
            ServiceError: The server takes none of them, or one cannot be read.
        """
        try:
            parts = [("images[]", (path.name, path.read_bytes())) for path in files]
        except OSError as ex:
            raise ServiceError(f"{ex.filename}: {ex.strerror}") from ex
        answer = self._call("POST", "/api/batch", files=parts, data=dict(options))
        return str(answer["batch_job_id"])

    def send_urls(self, urls: Sequence[str], options: Mapping[str, str]) -> str:
        """Name pictures by their addresses, and return the id of the job.

        Raises:
            ServiceError: The server takes none of them.
        """
        answer = self._call("POST", "/api/upload-from-url", json={"urls": list(urls), **options})
        return str(answer["batch_job_id"])

    def wait(self, job_id: str) -> None:
        """Wait until a job has ended.

        Raises:
            ServiceError: The server does not answer.
        """
        while self._call("GET", f"/api/progress/{job_id}")["state"] not in FINAL:
            self._pause(POLL_SECONDS)

    def results(self, job_id: str) -> Iterator[Json]:
        """Yield the result of each picture of a job, in their order.

        Raises:
            ServiceError: The server does not answer.
        """
        cursor = ""
        while True:
            query = {"limit": str(RESULTS_A_PAGE)} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", f"/api/jobs/{job_id}/results", params=query)
            yield from page["results"]
            cursor = page["next_cursor"]
            if not cursor:
                return

    def save(self, link: str, path: Path) -> None:
        """Save what a signed link leads to, without the key; a file is there whole or not at all.

        Raises:
            ServiceError: It does not come, or cannot be written.
        """
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._links.stream("GET", link) as answer:
                answer.raise_for_status()
                with part.open("wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
            part.replace(path)
        except (httpx2.HTTPError, OSError) as ex:
            part.unlink(missing_ok=True)
            raise ServiceError(f"{path}: {ex}") from ex

    def _call(self, method: str, path: str, **more: Any) -> Json:
        """Return the body of an answer; a busy server is asked again, under the same key of repetition."""
        headers = {"Prefer": "respond-async", "Idempotency-Key": uuid.uuid4().hex}
        for number in range(MAX_TRIES):
            is_last = number == MAX_TRIES - 1
            try:
                answer = self._http.request(method, path, headers=headers, **more)
            except httpx2.TransportError as ex:
                if is_last or isinstance(ex, httpx2.UnsupportedProtocol):
                    raise ServiceError(f"{self._http.base_url} does not answer: {ex}") from ex
                self._pause(2.0**number)
                continue
            if answer.is_success:
                body: Json = answer.json()
                return body
            if is_last or answer.status_code not in _MAY_PASS:
                raise ServiceError(_explain(answer))
            self._pause(_seconds_to_wait(answer, 2.0**number))
        raise AssertionError("the last try returns or raises")


def _explain(answer: httpx2.Response) -> str:
    """Return the server's own words, or the status of one that is no imagejobs."""
    try:
        body = answer.json()
        words = [body.get("detail") or body["title"], body.get("advice", "")]
    except (ValueError, KeyError, AttributeError):
        return f"{answer.request.url} answers {answer.status_code}"
    return " ".join(filter(None, words))


def _seconds_to_wait(answer: httpx2.Response, usual: float) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked) if asked.isdecimal() else usual, MAX_PAUSE_SECONDS)
